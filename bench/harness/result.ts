/**
 * The result of a suite and its verdict. A row keeps the raw samples of both sides; its ratio and
 * verdict are computed from them, so anyone can check them.
 */
import { cpus, release, totalmem } from 'node:os';
import type { Latency } from '../load/report.js';

/**
 * `more`: ours over the rival's. `less`: the rival's over ours, for times. `limit`: the limit over
 * ours. In each more is better.
 */
export type Judging = 'more' | 'less' | 'limit';

export interface Row {
  readonly name: string;
  readonly unit: string;
  /** Median. */
  readonly ours: number;
  readonly rival: number | null;
  readonly rival_name: string | null;
  readonly judging: Judging;
  /** Where there is no rival: what may not be exceeded; null for a figure that is only stated. */
  readonly limit: number | null;
  readonly ratio: number;
  /** The least ratio; null for a figure that is only stated. */
  readonly target: number | null;
  readonly holds: boolean;
  /** (largest - smallest) / median, of each side. */
  readonly spread: { readonly ours: number; readonly rival: number | null };
  readonly samples: { readonly ours: readonly number[]; readonly rival: readonly number[] };
}

/** A step of one payment: from, to, in milliseconds since the request was sent (medians). */
export interface Step {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface SuiteResult {
  readonly suite: string;
  readonly at: string;
  readonly quick: boolean;
  readonly machine: ReturnType<typeof machine>;
  readonly rows: readonly Row[];
  readonly latency: readonly Latency[];
  readonly waterfall: readonly Step[];
  /** What else was seen, e.g. counts of the checks after the load. */
  readonly notes: readonly string[];
}

export interface RowInput {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly rival?: readonly number[];
  readonly rivalName?: string;
  readonly judging?: Judging;
  readonly limit?: number;
  readonly target?: number;
}

export function rowOf(input: RowInput): Row {
  const rival = input.rival ?? [];
  const judging = input.judging ?? (rival.length > 0 ? 'more' : 'limit');
  const row = {
    name: input.name,
    unit: input.unit,
    ours: median(input.ours),
    rival: rival.length > 0 ? median(rival) : null,
    rival_name: input.rivalName ?? null,
    judging,
    limit: input.limit ?? null,
    target: input.target ?? (input.limit === undefined ? null : 1),
    spread: {
      ours: spread(input.ours),
      rival: rival.length > 0 ? spread(rival) : null,
    },
    samples: { ours: input.ours, rival },
  };
  return { ...row, ...judge(row) };
}

/** The ratio and the verdict that follow from the samples. */
export function judge(row: Pick<Row, 'samples' | 'judging' | 'limit' | 'target'>): {
  ratio: number;
  holds: boolean;
} {
  const ours = median(row.samples.ours);
  const rival = median(row.samples.rival);
  const ratio =
    row.judging === 'more'
      ? ours / rival
      : (row.judging === 'less' ? rival : (row.limit ?? 0)) / ours;
  return { ratio, holds: row.target === null || ratio >= row.target };
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function spread(samples: readonly number[]): number {
  return (Math.max(...samples) - Math.min(...samples)) / (median(samples) || 1);
}

export function machine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

export function textOfNumber(value: number): string {
  return value >= 1_000
    ? Math.round(value).toLocaleString('en')
    : value.toFixed(value < 10 ? 3 : 1);
}

/** A line for people. */
export function textOf(row: Row): string {
  const beside =
    row.rival !== null
      ? `, ${row.rival_name} ${textOfNumber(row.rival)}`
      : row.limit !== null
        ? `, limit ${textOfNumber(row.limit)}`
        : '';
  const verdict =
    row.target === null
      ? ''
      : `: ratio ${row.ratio.toFixed(2)} (target ${row.target.toFixed(2)}) ${row.holds ? 'HOLDS' : 'MISSED'}`;
  return `${row.name}: ${textOfNumber(row.ours)} ${row.unit}${beside}${verdict}`;
}
