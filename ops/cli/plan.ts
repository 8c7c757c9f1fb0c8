/** `tollgate plan`: what a rate takes and costs, and where p99 breaks as shards grow. */
import { type Command, InvalidArgumentError } from 'commander';
import { capacityOf, readAssumptions } from '../capacity/capacity.js';
import { type Measured, readMeasured } from '../capacity/measured.js';
import { simulate } from '../capacity/simulation.js';

const SHARDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const P99_MS_MAX = 3;
const RATE_MAX = 100_000_000;

export function registerPlan(program: Command): void {
  program
    .command('plan')
    .description('how many of each part a rate takes, what it costs, where p99 breaks')
    .requiredOption('--rate <n>', 'payments a second', rateOf)
    .action(({ rate }: { rate: number }) => {
      for (const line of planOf(rate)) console.log(line);
    });
}

export function planOf(rate: number, measured = readMeasured()): string[] {
  const given = readAssumptions();
  const parts = capacityOf(rate, measured, given);
  const total = parts.reduce((sum, part) => sum + part.usdPerMonth, 0);
  return [
    `${number(rate)} payments/s, from what was measured on ${measured.machine}`,
    '',
    ...parts.map(
      (part) =>
        `  ${part.name.padEnd(46)} ${number(part.count).padStart(12)} ${part.type.padEnd(26)} ${usd(part.usdPerMonth).padStart(16)}   ${part.why}`,
    ),
    `  ${'a month'.padEnd(46)} ${''.padStart(39)} ${usd(total).padStart(16)}`,
    '',
    given.about,
    '',
    ...simulationOf(rate, measured),
    '',
    ...checkOf(measured),
  ];
}

function simulationOf(rate: number, measured: Measured): string[] {
  const rows = SHARDS.map((shards) => simulate(measured, rate, shards));
  const first = rows.find((row) => row.p99 < P99_MS_MAX);
  return [
    `simulated accepting (p99 under ${P99_MS_MAX} ms ${first ? `from ${first.shards} shards on` : 'with none of these'}):`,
    ...rows.map((row) => {
      const load = `${number(row.perShard)}/s a shard`;
      const times = row.isOverloaded
        ? 'more than it carries: the queue only grows'
        : `p50 ${row.p50.toFixed(2)} ms, p99 ${row.p99.toFixed(2)} ms`;
      return `  ${number(row.shards).padStart(5)} shards  ${load.padStart(22)}  ${times}`;
    }),
  ];
}

/** The simulation beside real runs of one and of two shards. */
function checkOf(measured: Measured): string[] {
  const line = (shards: number) => (latency: Measured['oneShard'][number]) => {
    const simulated = simulate(measured, latency.rate, shards);
    return `  ${latency.name.padEnd(34)} ${shards} shard(s): measured p50 ${latency.p50.toFixed(2)} p99 ${latency.p99.toFixed(2)}, simulated ${simulated.p50.toFixed(2)} and ${simulated.p99.toFixed(2)} ms`;
  };
  const runs = [...measured.oneShard.map(line(1)), ...measured.twoShards.map(line(2))];
  return [
    'the simulation beside what was measured (client, and edge, included). It knows service times and',
    'queues, not threads that wait for a core: where p99 differs, believe the measurement.',
    ...runs,
  ];
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function usd(value: number): string {
  return `${number(value)} USD`;
}

function rateOf(text: string): number {
  const rate = Number(text);
  if (!(rate > 0 && rate <= RATE_MAX)) throw new InvalidArgumentError(`from 1 to ${RATE_MAX}`);
  return rate;
}
