/**
 * The set of shards over time. An *epoch* is one set of shards. The last epoch decides where new
 * ids go; payments of earlier epochs may still be on their former shard. An epoch in state
 * `preparing` moves no id yet, because its rows are still being copied.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Static, Type } from '@sinclair/typebox';
import { newAjv } from '../util/ajv.js';
import { EngineError } from '../util/errors.js';
import { ShardRing } from './shard-ring.js';

const SHARDS_MAX = 4096;
const EPOCHS_MAX = 16;
const closed = { additionalProperties: false } as const;
const shardNumber = Type.Integer({ minimum: 0, maximum: SHARDS_MAX - 1 });

export const Topology = Type.Object(
  {
    epochs: Type.Array(
      Type.Object(
        {
          number: Type.Integer({ minimum: 1 }),
          state: Type.Union([Type.Literal('preparing'), Type.Literal('active')]),
          shards: Type.Array(
            Type.Object(
              { number: shardNumber, name: Type.String({ minLength: 1, maxLength: 255 }) },
              closed,
            ),
            { minItems: 1, maxItems: SHARDS_MAX },
          ),
        },
        closed,
      ),
      { minItems: 1, maxItems: EPOCHS_MAX },
    ),
    /** Where the engines' admin answers to each other, by shard number. */
    peers: Type.Record(
      Type.String({ pattern: '^\\d{1,4}$' }),
      Type.String({ maxLength: 255, pattern: '^https?://[A-Za-z0-9.-]+(:\\d{1,5})?$' }),
      closed,
    ),
  },
  closed,
);
export type Topology = Static<typeof Topology>;
export type Epoch = Topology['epochs'][number];

const validate = newAjv().compile<Topology>(Topology);

/** @throws EngineError `topology_invalid` */
export function parseTopology(value: unknown): Topology {
  const refuse = (detail: string): never => {
    throw new EngineError('topology_invalid', `the topology cannot be used: ${detail}`);
  };
  if (!validate(value)) {
    const error = validate.errors?.[0];
    return refuse(`${error?.instancePath || '/'} ${error?.message}`);
  }
  const { epochs, peers } = value;
  for (const [i, { number, state, shards }] of epochs.entries()) {
    if (i > 0 && number <= epochs[i - 1]!.number) refuse('epochs must be in order of number');
    if (state === 'preparing' && (i === 0 || i < epochs.length - 1))
      refuse('only the last of several epochs may be preparing');
    for (const key of ['number', 'name'] as const)
      if (new Set(shards.map((shard) => shard[key])).size < shards.length)
        refuse(`epoch ${number} has a ${key} twice`);
    for (const shard of shards)
      if (peers[shard.number] === undefined)
        refuse(`shard ${shard.number} has no address in peers`);
  }
  const numbers = epochs.flatMap((epoch) => epoch.shards.map(({ number }) => `${number}`));
  const stranger = Object.keys(peers).find((key) => !numbers.includes(key));
  if (stranger !== undefined) refuse(`peers names shard ${stranger}, which is in no epoch`);
  return value;
}

/**
 * Whether `next` may follow `current`: the same epoch in the same or a later state, or the one after
 * it. What both say of an epoch is the same.
 */
export function isSuccessor(current: Topology, next: Topology): boolean {
  const [before, after] = [current.epochs.at(-1)!, next.epochs.at(-1)!];
  const isSame = after.number === before.number;
  if (!isSame && after.number !== before.number + 1) return false;
  if (isSame && before.state === 'active' && after.state === 'preparing') return false;
  const shardsOf = (entry: Topology, number: number) =>
    entry.epochs.find((epoch) => epoch.number === number)?.shards;
  return next.epochs.every(({ number, shards }) =>
    isDeepStrictEqual(shards, shardsOf(current, number) ?? shards),
  );
}

/** What one shard must know of a topology to judge an id. */
export class Ownership {
  readonly topology: Topology;
  readonly #me: number;
  readonly #maps: readonly { readonly epoch: Epoch; readonly ring: ShardRing }[];

  constructor(topology: Topology, me: number) {
    this.topology = topology;
    this.#me = me;
    this.#maps = topology.epochs.map((epoch) => ({
      epoch,
      ring: new ShardRing(epoch.shards.map((shard) => shard.name)),
    }));
  }

  /** The number of the epoch in force. */
  get activeEpoch(): number {
    return this.#maps.findLast((map) => map.epoch.state === 'active')!.epoch.number;
  }

  /** The shard that the edge sends an id to now. */
  owner(checkoutId: string): number {
    return ownerIn(this.#maps.findLast((map) => map.epoch.state === 'active')!, checkoutId);
  }

  /** The shard that it will be sent to once the last epoch is active. */
  nextOwner(checkoutId: string): number {
    return ownerIn(this.#maps.at(-1)!, checkoutId);
  }

  isMine(checkoutId: string): boolean {
    return this.owner(checkoutId) === this.#me;
  }

  /**
   * Shards other than this one that may have an id of ours, the latest first.
   * @param copied by shard, the number of an epoch: all ids that were ours in it are copied from there
   */
  earlierOwners(checkoutId: string, copied: Readonly<Record<string, number>> = {}): number[] {
    const owners = new Set<number>();
    for (const map of this.#maps.slice(0, -1).reverse()) owners.add(ownerIn(map, checkoutId));
    owners.delete(this.#me);
    return [...owners].filter((shard) => !this.#wasMine(checkoutId, copied[shard]));
  }

  #wasMine(checkoutId: string, epoch: number | undefined): boolean {
    const map = this.#maps.find((entry) => entry.epoch.number === epoch);
    return map !== undefined && ownerIn(map, checkoutId) === this.#me;
  }
}

function ownerIn(map: { epoch: Epoch; ring: ShardRing }, checkoutId: string): number {
  return map.epoch.shards[map.ring.ownerOf(checkoutId)]!.number;
}
