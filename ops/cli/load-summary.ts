/** What `tollgate pay` prints about many payments: progress while they run, and a summary. */
import type { LoadProgress, LoadResult } from '../load/load.js';

/** One line that overwrites itself on a terminal. */
export function drawProgress(progress: LoadProgress, count: number): void {
  const width = 30;
  const filled = Math.round((progress.terminal / count) * width);
  const bar = '#'.repeat(filled).padEnd(width, '.');
  const line = `[${bar}] posted ${progress.posted} accepted ${progress.accepted} terminal ${progress.terminal}/${count}`;
  process.stderr.write(process.stderr.isTTY ? `\r${line}` : `${line}\n`);
}

export function summaryOf(result: LoadResult, count: number): string {
  const { latency } = result;
  const ms = (p: number): string => `${(latency.getValueAtPercentile(p) / 1_000).toFixed(2)} ms`;
  const statuses = countsOf(result);
  const list = (map: ReadonlyMap<string, number>): string =>
    [...map].map(([name, n]) => `${name} ${n}`).join(', ') || 'none';
  return [
    `accepted   ${result.accepted.length} of ${count} in ${result.acceptSeconds.toFixed(1)} s, ${result.retries} tries repeated`,
    `refused    ${list(result.refused)}`,
    `terminal   ${result.statuses.size} (${list(statuses)}), the last ${result.settleSeconds.toFixed(1)} s after the last post`,
    latency.totalCount === 0
      ? 'to the 202 nothing was answered 202'
      : `to the 202 p50 ${ms(50)}, p99 ${ms(99)}, p99.9 ${ms(99.9)} from the moment each was due`,
  ].join('\n');
}

export interface Summary {
  readonly count: number;
  readonly accepted: number;
  readonly refused: number;
  /** Payments by terminal status. */
  readonly terminal: Readonly<Record<string, number>>;
  /** To the 202, from the moment each was due; null: none was accepted. */
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
}

export function summaryJson(result: LoadResult, count: number): Summary {
  const { accepted, refused, latency } = result;
  const ms = (p: number): number | null =>
    latency.totalCount === 0 ? null : latency.getValueAtPercentile(p) / 1_000;
  return {
    count,
    accepted: accepted.length,
    refused: [...refused.values()].reduce((sum, n) => sum + n, 0),
    terminal: Object.fromEntries(countsOf(result)),
    p50_ms: ms(50),
    p99_ms: ms(99),
  };
}

function countsOf({ statuses }: LoadResult): Map<string, number> {
  const counts = new Map<string, number>();
  for (const status of statuses.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}
