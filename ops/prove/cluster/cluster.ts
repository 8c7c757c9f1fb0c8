/** The cluster at work: every shard and processor takes its part, and merchants never meet. */
import { Pool } from 'undici';
import { type LoadResult, runLoad } from '../../load/load.js';
import { auditBooks } from '../../testing/audit.js';
import { type PaymentName, readMetric } from '../../testing/books.js';
import { VISA } from '../../testing/checkout-client.js';
import { ClusterSystem } from '../../testing/cluster-system.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { until } from '../../testing/system.js';

/** Both use the same ids throughout, for different amounts. */
const AMOUNTS = { alpha: 1999, beta: 2999 } as const;
type Merchant = keyof typeof AMOUNTS;
const MERCHANTS = Object.keys(AMOUNTS) as Merchant[];
const UNEVEN_MAX = 0.15;
const RATE_PER_MERCHANT = 250;
const READERS = 16;

export const cluster: Proof = {
  name: 'cluster',
  shows:
    '20 000 payments over HTTPS: both shards and both processors do part of the work, all books agree, and two merchants with the same ids never meet',
  async run(stage: Stage) {
    const since = Date.now();
    const system = await ClusterSystem.start();
    stage.figure('start', `${((Date.now() - since) / 1_000).toFixed(1)} s`);
    try {
      await bothProcessorsAssigned(system);
      const count = stage.size(400, 10_000);
      const results = await Promise.all(MERCHANTS.map((merchant) => pay(system, merchant, count)));
      for (const [i, merchant] of MERCHANTS.entries()) show(stage, merchant, results[i]!, count);
      await neverMeet(stage, system, count);
      const accepted: PaymentName[] = MERCHANTS.flatMap((merchant, i) =>
        results[i]!.accepted.map((id) => ({ merchant, id })),
      );
      const { shards } = await auditBooks(stage, system.books, accepted);
      even(stage, 'shards', countBy([...shards.values()], system.endpoints.admin.length));
      even(stage, 'processors', await consumed(system));
    } finally {
      stage.figure('stop', `${(await system.stop()).toFixed(1)} s`);
    }
  },
};

/** A processor that joins a moment later would find the first payments taken. */
async function bothProcessorsAssigned(system: ClusterSystem): Promise<void> {
  const { processorAdmin } = system.endpoints;
  await until('every processor has partitions', 30_000, async () => {
    const counts = await Promise.all(
      processorAdmin.map((text) => readMetric(text, 'processor_partitions')),
    );
    return counts.every((count) => count > 0);
  });
}

function pay(system: ClusterSystem, merchant: Merchant, count: number): Promise<LoadResult> {
  return runLoad({
    api: system.endpoints.api,
    ca: system.ca,
    headers: system.headersOf(merchant),
    count,
    ratePerSecond: RATE_PER_MERCHANT,
    idOf: (n) => `pair-${n}`,
    body: { ...VISA, amount: AMOUNTS[merchant] },
    settleMsMax: 120_000,
  });
}

function show(stage: Stage, merchant: Merchant, result: LoadResult, count: number): void {
  const succeeded = [...result.statuses.values()].filter((status) => status === 'succeeded').length;
  const { latency, accepted } = result;
  const ms = (p: number): string => `${(latency.getValueAtPercentile(p) / 1_000).toFixed(1)} ms`;
  stage.figure(
    `${merchant}: accepted / succeeded / to the 202`,
    `${accepted.length} / ${succeeded} / p50 ${ms(50)}, p99 ${ms(99)}`,
  );
  stage.must(accepted.length === count && succeeded === count, `${merchant}: not all succeeded`);
}

/** Each merchant reads its own amount under the same id. */
async function neverMeet(stage: Stage, system: ClusterSystem, count: number): Promise<void> {
  const pool = new Pool(system.endpoints.api, { connections: READERS, connect: { ca: system.ca } });
  let met = 0;
  const queue = Array.from({ length: count }, (_, n) => `pair-${n}`).values();
  const reader = async (): Promise<void> => {
    for (const id of queue) {
      for (const merchant of MERCHANTS) {
        const headers = system.headersOf(merchant);
        const { body } = await pool.request({ method: 'GET', path: `/payments/${id}`, headers });
        const { amount } = (await body.json()) as { amount: number };
        if (amount !== AMOUNTS[merchant]) met++;
      }
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  await pool.destroy();
  stage.figure('same ids / of another merchant', `${count} / ${met}`);
  stage.must(met === 0, `${met} reads gave another merchant's payment`);
}

function consumed(system: ClusterSystem): Promise<number[]> {
  const { processorAdmin } = system.endpoints;
  return Promise.all(processorAdmin.map((text) => readMetric(text, 'processor_consumed_total')));
}

function countBy(values: readonly number[], length: number): number[] {
  return Array.from({ length }, (_, n) => values.filter((value) => value === n).length);
}

function even(stage: Stage, what: string, counts: readonly number[]): void {
  const share = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const off = Math.max(...counts.map((count) => Math.abs(count - share) / share));
  stage.figure(`${what} / from even`, `${counts.join(' ')} / ${(off * 100).toFixed(1)} %`);
  stage.must(off <= UNEVEN_MAX, `the ${what} share the work unevenly`);
}
