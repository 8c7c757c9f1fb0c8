/**
 * A discrete-event simulation of accepting: requests arrive at random at a shard, pass its gateway
 * one by one, and wait for the writer, who takes all that wait and makes them durable together.
 * Service times are the measured ones; a sync's time is drawn around its measured median and p99.
 */
import type { Measured } from './measured.js';

const BATCH_MAX = 512;
const REQUESTS = 40_000;
const WARM_UP = 2_000;
/** Shards that are simulated one by one; more are much like these. */
const SHARDS_MAX = 8;
/** How unequal a consistent hash makes shards: standard deviation of a shard's share. */
const IMBALANCE = 0.02;
const P99_OF_NORMAL = 2.326;

export interface Simulated {
  readonly shards: number;
  readonly perShard: number;
  readonly p50: number;
  readonly p99: number;
  readonly isOverloaded: boolean;
}

/** @param seed the same seed gives the same figures */
export function simulate(
  measured: Measured,
  ratePerSecond: number,
  shards: number,
  seed = 1,
): Simulated {
  const random = randomOf(seed);
  const perShard = ratePerSecond / shards;
  const latencies: number[] = [];
  for (let i = 0; i < Math.min(shards, SHARDS_MAX); i++) {
    const share = shards === 1 ? 1 : Math.max(0.5, 1 + IMBALANCE * normal(random));
    for (const value of simulateShard(measured, perShard * share, random)) latencies.push(value);
  }
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)]!;
  const isOverloaded = perShard >= carriedPerSecond(measured);
  return { shards, perShard, p50: at(0.5), p99: at(0.99), isOverloaded };
}

/** Beyond this the queue only grows. */
function carriedPerSecond({ gatewayPerSecond, batchFixedMs, batchEachMs }: Measured): number {
  const writer = (BATCH_MAX / (batchFixedMs + BATCH_MAX * batchEachMs)) * 1_000;
  return Math.min(gatewayPerSecond, writer);
}

/** @returns milliseconds of each request */
function simulateShard(measured: Measured, perSecond: number, random: () => number): number[] {
  const gatewayMs = 1_000 / measured.gatewayPerSecond;
  const arrivals: number[] = [];
  const ready: number[] = [];
  let now = 0;
  let gatewayFree = 0;
  for (let i = 0; i < REQUESTS; i++) {
    now += (-Math.log(1 - random()) * 1_000) / perSecond;
    gatewayFree = Math.max(gatewayFree, now) + gatewayMs;
    arrivals.push(now);
    ready.push(gatewayFree);
  }
  const latencies: number[] = [];
  let writerFree = 0;
  for (let i = 0; i < REQUESTS; ) {
    const start = Math.max(writerFree, ready[i]!);
    let end = i + 1;
    while (end < REQUESTS && end - i < BATCH_MAX && ready[end]! <= start) end++;
    writerFree = start + batchMs(measured, end - i, random);
    for (; i < end; i++) if (i >= WARM_UP) latencies.push(writerFree - arrivals[i]!);
  }
  return latencies;
}

/** What is fixed of a batch is its sync, mostly: drawn around the measured median. */
function batchMs(measured: Measured, messages: number, random: () => number): number {
  const { p50, p99 } = measured.fdatasync;
  const spread = Math.log(Math.max(1.01, p99 / p50)) / P99_OF_NORMAL;
  const sync = p50 * Math.exp(spread * normal(random));
  const rest = Math.max(0, measured.batchFixedMs - p50);
  return rest + sync + messages * measured.batchEachMs;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Mulberry32: small, seeded, good enough for arrivals. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
