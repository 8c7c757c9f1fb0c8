/** One row of a bench: what was measured of ours and of its rival in the same run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { packageFile } from '../engine/core/paths.js';

export interface BenchRow {
  readonly name: string;
  readonly unit: string;
  /** Samples of the same run, taken in turns. */
  readonly ours: readonly number[];
  readonly rival: readonly number[];
  readonly rivalName: string;
  /** The least ratio of the medians, ours to the rival's. */
  readonly target: number;
}

/** Prints the rows, writes bench/results/<suite>.json. @returns whether every target is reached */
export function report(suite: string, rows: readonly BenchRow[]): boolean {
  const judged = rows.map((row) => {
    const ratio = median(row.ours) / median(row.rival);
    return { ...row, ratio, holds: ratio >= row.target };
  });
  for (const it of judged) {
    const rate = (samples: readonly number[]): string =>
      Math.round(median(samples)).toLocaleString('en');
    console.log(
      `${it.name}: ${rate(it.ours)} ${it.unit}, ${it.rivalName} ${rate(it.rival)}: ratio ${it.ratio.toFixed(2)} (target ${it.target}) ${it.holds ? 'HOLDS' : 'MISSED'}`,
    );
  }
  const folder = packageFile('bench/results');
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  writeFileSync(
    `${folder}/${suite}.json`,
    `${JSON.stringify({ suite, at, rows: judged }, null, 2)}\n`,
  );
  return judged.every((it) => it.holds);
}

export function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? 0;
}
