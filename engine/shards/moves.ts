/**
 * Payments that come from other shards: the topology in force, the look-up at an id's previous
 * owner, and the copy of all rows that move here. Main thread.
 *
 * Keeps: an id that moved here is accepted only after its previous owners have answered that they
 * do not have it, and they answer so only once they no longer accept it themselves. A previous
 * owner whose rows were all copied after that moment is not queried again.
 */

import { plainPeerProblems } from '../config/plaintext.js';
import { checkoutIdOf } from '../domain/payment.js';
import type { DurableFile } from '../util/durable-file.js';
import { BrokenInvariant, EngineError } from '../util/errors.js';
import type { Logger } from '../util/log.js';
import type { WholeCopies } from './completed-copies.js';
import type { Importer } from './importer.js';
import type { Peers } from './peers.js';
import { pageStart } from './rows.js';
import { isSuccessor, Ownership, type Topology } from './topology.js';

const ASKS_MAX = 10_000;

/** `here`: it is stored in this shard now. `absent`: nobody has it. `away`: not known now. */
export type Found = 'here' | 'absent' | 'away';

export interface Copy {
  readonly from: number;
  isRunning: boolean;
  copied: number;
  problem: string | null;
}

export interface MovesParts {
  readonly shard: number;
  /** Hosts that may be asked without TLS. */
  readonly allowPlaintext: readonly string[];
  readonly file: DurableFile<Topology>;
  /** Part of the volume, like the rows that it speaks of. */
  readonly copies: DurableFile<WholeCopies>;
  /** Whether merchant/id is stored in this shard. */
  readonly isHere: (key: string) => boolean;
  readonly importer: Importer;
  readonly peers: Peers;
  readonly logger: Logger;
  /** Resolves when every gateway thread works by it, and has answered what it took before. */
  readonly announce: (topology: Topology) => Promise<void>;
}

export class Moves {
  readonly #parts: MovesParts;
  readonly #asks = new Map<string, Promise<Found>>();
  #isClosed = false;
  #copied: WholeCopies;
  #announcedEpoch = 0;
  ownership: Ownership | undefined;
  copy: Copy | undefined;
  asked = 0;

  constructor(parts: MovesParts) {
    this.#parts = parts;
    this.#copied = parts.copies.load() ?? {};
    const topology = parts.file.load();
    if (!topology) return;
    this.ownership = this.#owned(topology);
    this.#announcedEpoch = this.ownership.activeEpoch;
  }

  /** No gateway thread accepts an id that moved away in this epoch or before. */
  get announcedEpoch(): number {
    return this.#announcedEpoch;
  }

  /** On disk, then in force. Throws EngineError `topology_older` or `peer_plaintext`. */
  async apply(topology: Topology): Promise<void> {
    const current = this.ownership?.topology;
    if (current && !isSuccessor(current, topology))
      throw new EngineError('topology_older', 'a later epoch or state is in force here');
    const next = this.#owned(topology);
    this.#parts.file.saveSync(topology);
    this.ownership = next;
    await this.#parts.announce(topology);
    this.#announcedEpoch = this.ownership.activeEpoch;
    this.#parts.logger.info({ epoch: topology.epochs.at(-1) }, 'the topology is in force');
  }

  /** Asks the earlier owners of merchant/id, and stores here what one of them has. */
  ask(key: string): Promise<Found> {
    const underWay = this.#asks.get(key);
    if (underWay) return underWay;
    if (this.#isClosed || this.#asks.size >= ASKS_MAX) return Promise.resolve('away');
    const asking = this.#ask(key).finally(() => this.#asks.delete(key));
    this.#asks.set(key, asking);
    return asking;
  }

  /**
   * Begins to copy what is to be ours from `from`; `copy` tells how far it is. A copy without a
   * start time that begins once `from` no longer accepts our ids is whole: `from` is then never asked
   * about new ids again.
   */
  startCopy(from: number, acceptedSinceMs: number): void {
    if (this.copy?.isRunning)
      throw new EngineError('copy_running', `the copy from shard ${this.copy.from} is under way`);
    const peer = this.ownership?.topology.peers[from];
    if (peer === undefined)
      throw new EngineError('peer_unknown', `the topology names no address of shard ${from}`);
    const copy: Copy = { from, isRunning: true, copied: 0, problem: null };
    this.copy = copy;
    const epoch = acceptedSinceMs === 0 ? this.#lastEpochInForce() : undefined;
    void this.#copyAll(copy, peer, pageStart(acceptedSinceMs), epoch)
      .then(() => this.#remember(from, epoch))
      .catch((error: Error) => {
        copy.problem = error.message;
        this.#parts.logger.error({ reason: error.message, from }, 'the copy ended early');
      })
      .finally(() => {
        copy.isRunning = false;
      });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#parts.peers.close();
  }

  #owned(topology: Topology): Ownership {
    const problems = plainPeerProblems(topology.peers, this.#parts.allowPlaintext);
    if (problems.length > 0) throw new EngineError('peer_plaintext', problems.join('; '));
    return new Ownership(topology, this.#parts.shard);
  }

  async #ask(key: string): Promise<Found> {
    const { ownership } = this;
    if (!ownership) return 'absent';
    const { peers, importer, logger, isHere } = this.#parts;
    const id = checkoutIdOf(key);
    // Of a payment that is here, an earlier owner may have a later status.
    const owners = ownership.earlierOwners(id, isHere(key) ? {} : this.#copied);
    if (owners.length > 0) this.asked++;
    try {
      for (const shard of owners) {
        const peer = ownership.topology.peers[shard];
        const row = peer ? await peers.row(peer, key, ownership.activeEpoch) : undefined;
        if (row === undefined) continue;
        await importer.put(row);
        return 'here';
      }
      return 'absent';
    } catch (error) {
      if (error instanceof BrokenInvariant) throw error;
      logger.warn({ key, reason: (error as Error).message }, 'an earlier owner cannot be asked');
      return 'away';
    }
  }

  #willBeOurs(key: string): boolean {
    return this.ownership?.nextOwner(checkoutIdOf(key)) === this.#parts.shard;
  }

  /** The last epoch, where it is in force; undefined while it is being prepared. */
  #lastEpochInForce(): number | undefined {
    const last = this.ownership?.topology.epochs.at(-1);
    return last?.state === 'active' ? last.number : undefined;
  }

  #remember(from: number, epoch: number | undefined): void {
    if (epoch === undefined || this.#isClosed) return;
    const copied = { ...this.#copied, [from]: epoch };
    this.#parts.copies.saveSync(copied);
    this.#copied = copied;
  }

  async #copyAll(
    copy: Copy,
    peer: string,
    start: string,
    epoch: number | undefined,
  ): Promise<void> {
    const { peers, importer, shard } = this.#parts;
    let from: string | null = start;
    while (from !== null && !this.#isClosed) {
      const page = await peers.page(peer, { owner: shard, from, epoch });
      const stray = page.rows.find(({ key }) => !this.#willBeOurs(key));
      if (stray)
        throw new EngineError(
          'row_of_another',
          `${peer} sends ${stray.key}, which is not to be ours`,
        );
      await Promise.all(page.rows.map((row) => importer.put(row)));
      copy.copied += page.rows.length;
      from = page.next;
    }
  }
}
