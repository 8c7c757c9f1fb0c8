/**
 * A planned growth by one shard, while the others serve: copy, stop taking what moves, copy
 * the rest, switch the edge, copy all once more. Only between the second step and the edge's do
 * ids that move get 503, and only those that are new. The last copy begins when nothing is added
 * to it any more, whatever the clocks say: after it the new shard asks no other about new ids.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseTopology, type Topology } from '../../engine/shards/topology.js';
import type { AdminHeaders } from '../client/admin-headers.js';

const CALL_MS_MAX = 30_000;
const POLL_MS = 100;
/** Clocks of two hosts may differ by so much. */
const CLOCK_MS_MAX = 60_000;

/** The engine that takes the copies. */
export interface CopyTarget {
  readonly admin: string;
  /** With a token of the role admin. */
  readonly headers: AdminHeaders;
  readonly say: (line: string) => void;
}

export interface Growth {
  /** As it is in force now. */
  readonly current: Topology;
  /** The admin of every engine, the new one's too, by shard number: where it is told what to do. */
  readonly admins: Readonly<Record<number, string>>;
  /** Of every engine's admin: with a token of the role admin. */
  readonly headers: AdminHeaders;
  /** `name`: its text in the edge's hash. `peer`: where other engines ask it for rows. */
  readonly shard: { readonly number: number; readonly name: string; readonly peer: string };
  /** Sends ids where the new topology says: the edge's configuration, reloaded. */
  readonly switchEdge: (next: Topology) => Promise<void>;
  readonly say: (line: string) => void;
}

/** @returns the topology in force afterwards, and how many rows were copied */
export async function growByOne(growth: Growth): Promise<{ topology: Topology; copied: number }> {
  const { current, shard, say } = growth;
  const old = current.epochs.at(-1)!.shards.filter((entry) => entry.number !== shard.number);
  const preparing = withEpoch(growth, 'preparing');
  const grown = withEpoch(growth, 'active');
  const adminOf = (number: number): string => growth.admins[number]!;
  const target: CopyTarget = { admin: adminOf(shard.number), headers: growth.headers, say };
  // A growth that was cut off goes on: what is further already stays so.
  for (const { number } of preparing.epochs.at(-1)!.shards)
    await put(adminOf(number), preparing, growth.headers).catch(unlessFurther);
  const since = Date.now();
  let copied = 0;
  for (const { number } of old) copied += await copy(target, number, 0);
  // From here on no shard accepts a new id that moves, until the edge sends it to the new shard.
  for (const { number } of old) await put(adminOf(number), grown, growth.headers);
  for (const { number } of old) copied += await copy(target, number, since - CLOCK_MS_MAX);
  await put(adminOf(shard.number), grown, growth.headers);
  await growth.switchEdge(grown);
  say(`ids of shard ${shard.number} go there now`);
  await copyWhole(
    target,
    old.map((entry) => entry.number),
  );
  return { topology: grown, copied };
}

/**
 * Copies everything that belongs to a shard whose epoch is in force. After it the shard asks none of
 * `from` about new ids, and goes on without them. May be repeated.
 */
export async function copyWhole(target: CopyTarget, from: readonly number[]): Promise<void> {
  for (const number of from) await copy({ ...target, say: () => {} }, number, 0);
  target.say('the copy is whole: earlier shards are no longer asked about new ids');
}

function withEpoch({ current, shard }: Growth, state: 'preparing' | 'active'): Topology {
  const last = current.epochs.at(-1)!;
  const { number, name, peer } = shard;
  const isBegun = last.shards.some((entry) => entry.number === number);
  const epochs = isBegun ? current.epochs.slice(0, -1) : current.epochs;
  const next = isBegun
    ? { ...last, state }
    : { number: last.number + 1, state, shards: [...last.shards, { number, name }] };
  return parseTopology({
    epochs: [...epochs, next],
    peers: { ...current.peers, [number]: peer },
  });
}

function unlessFurther(error: Error): void {
  if (!error.message.includes('topology_older')) throw error;
}

async function put(admin: string, topology: Topology, headers: AdminHeaders): Promise<void> {
  await call(`${admin}/topology`, 'PUT', headers, topology);
}

async function copy(target: CopyTarget, from: number, sinceMs: number): Promise<number> {
  const { admin, headers, say } = target;
  await call(`${admin}/moves`, 'POST', headers, { from, accepted_since_ms: Math.max(0, sinceMs) });
  let seen = -1;
  for (;;) {
    const state = (await call(`${admin}/moves`, 'GET', headers)) as {
      isRunning: boolean;
      copied: number;
      problem: string | null;
    };
    if (state.copied !== seen) say(`copied from shard ${from}: ${state.copied}`);
    seen = state.copied;
    if (state.problem !== null) throw new Error(`the copy from shard ${from}: ${state.problem}`);
    if (!state.isRunning) return state.copied;
    await sleep(POLL_MS);
  }
}

async function call(
  url: string,
  method: string,
  headers: AdminHeaders,
  body?: object,
): Promise<unknown> {
  const response = await fetch(url, {
    method,
    ...(body
      ? { headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
      : { headers }),
    signal: AbortSignal.timeout(CALL_MS_MAX),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answers ${response.status}: ${text}`);
  return JSON.parse(text);
}
