/**
 * Checks that this shard owns an id. With one epoch of shards it always does. If an id has moved
 * here and is unknown, the gate first looks it up at its previous owner. An id that has moved away
 * is answered only from stored rows. Without a topology there is nothing to check.
 */

import { isSettled } from '../../engine/cdc/unsettled-rows.js';
import { paymentKey } from '../../engine/domain/payment.js';
import type { Found } from '../../engine/shards/moves.js';
import { Ownership, type Topology } from '../../engine/shards/topology.js';
import type { Store } from '../../engine/store/store.js';
import { PROBLEMS, type Problem } from '../http/problem.js';
import type { Reply } from '../http/reply.js';

/** Called at once or later; with the problem that forbids to go on. */
type GoOn = (problem: Problem | undefined) => void;

const QUESTIONS_MAX = 10_000;

export class ShardGate {
  readonly #store: Store;
  readonly #shard: number;
  readonly #ask: (question: number, key: string) => void;
  readonly #open = new Map<number, (found: Found) => void>();
  #ownership: Ownership | undefined;
  #questions = 0;

  constructor(store: Store, shard: number, ask: (question: number, key: string) => void) {
    this.#store = store;
    this.#shard = shard;
    this.#ask = ask;
  }

  use(topology: Topology): void {
    this.#ownership = new Ownership(topology, this.#shard);
  }

  beforeAccept(reply: Reply, merchant: string, checkoutId: string, goOn: GoOn): void {
    const judged = this.#judge(checkoutId);
    if (judged === 'ours') {
      goOn(undefined);
      return;
    }
    const key = Buffer.from(paymentKey(merchant, checkoutId));
    if (this.#isHere(key)) goOn(undefined);
    else if (judged === 'foreign') goOn(PROBLEMS.moving);
    else
      this.#question(reply, key, (found) => goOn(found === 'away' ? PROBLEMS.moving : undefined));
  }

  /** A payment that was not at its end when it was copied may be further at its earlier owner. */
  beforeRead(reply: Reply, merchant: string, checkoutId: string, goOn: GoOn): void {
    const judged = this.#judge(checkoutId);
    if (judged === 'ours') {
      goOn(undefined);
      return;
    }
    const key = Buffer.from(paymentKey(merchant, checkoutId));
    if (judged === 'moved' && isSettled(this.#store, key)) goOn(undefined);
    else if (judged === 'foreign') goOn(this.#isHere(key) ? undefined : PROBLEMS.moving);
    else
      this.#question(reply, key, (found) =>
        goOn(found === 'away' && !this.#isHere(key) ? PROBLEMS.moving : undefined),
      );
  }

  onFound(question: number, found: Found): void {
    const answer = this.#open.get(question);
    this.#open.delete(question);
    answer?.(found);
  }

  #judge(checkoutId: string): 'ours' | 'foreign' | 'moved' {
    const ownership = this.#ownership;
    if (!ownership) return 'ours';
    if (!ownership.isMine(checkoutId)) return 'foreign';
    return ownership.earlierOwners(checkoutId).length === 0 ? 'ours' : 'moved';
  }

  #question(reply: Reply, key: Buffer, answer: (found: Found) => void): void {
    if (this.#open.size >= QUESTIONS_MAX) {
      answer('away');
      return;
    }
    const question = ++this.#questions;
    this.#open.set(question, (found) => reply.run(() => answer(found)));
    this.#ask(question, key.toString());
  }

  #isHere(key: Buffer): boolean {
    return this.#store.get('checkouts', key) !== undefined;
  }
}
