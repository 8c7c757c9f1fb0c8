/**
 * `bench compare A B`: compares every row of A with the same row of B; ratios and verdicts are
 * computed again from the raw samples. B is worse if a target that held no longer does, if a ratio
 * has fallen by more than the threshold, or if a row or a suite is missing.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge, type Row, type SuiteResult } from './result.js';

/** @returns whether B is no worse than A */
export function compareFolders(
  a: string,
  b: string,
  threshold: number,
  say: (line: string) => void,
): boolean {
  const before = readResults(a);
  const after = readResults(b);
  if (before.size === 0) throw new Error(`${a} holds no results`);
  let isFine = true;
  for (const [suite, result] of before) {
    for (const line of compareSuites(result, after.get(suite), threshold)) {
      isFine &&= !line.isWorse;
      say(`${line.isWorse ? 'WORSE' : 'ok   '} ${suite}: ${line.text}`);
    }
  }
  return isFine;
}

export function readResults(folder: string): Map<string, SuiteResult> {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const results = files
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as SuiteResult);
  return new Map(results.map((result) => [result.suite, result]));
}

export interface Comparison {
  readonly isWorse: boolean;
  readonly text: string;
}

export function compareSuites(
  a: SuiteResult,
  b: SuiteResult | undefined,
  threshold: number,
): Comparison[] {
  if (b === undefined) return [{ isWorse: true, text: 'has no result' }];
  const after = new Map(b.rows.map((row) => [row.name, row]));
  return a.rows
    .filter((row) => row.target !== null)
    .map((row) => compareRows(row, after.get(row.name), threshold));
}

function compareRows(a: Row, b: Row | undefined, threshold: number): Comparison {
  if (b === undefined) return { isWorse: true, text: `${a.name}: the row is missing` };
  const before = judge(a);
  const now = judge(b);
  const isWorse = (before.holds && !now.holds) || now.ratio < before.ratio * (1 - threshold);
  const verdict = now.holds ? 'holds' : 'missed';
  return {
    isWorse,
    text: `${a.name}: ${before.ratio.toFixed(3)} then, ${now.ratio.toFixed(3)} now, target ${a.target} ${verdict}`,
  };
}
