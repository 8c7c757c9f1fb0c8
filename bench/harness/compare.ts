/**
 * `bench compare A B`: every row of A against the same row of B, ratios and verdicts worked out
 * again from the raw samples. B is worse when a target that held no longer does, when a ratio has
 * fallen by more than the threshold, or when a row or a suite is missing.
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
    .filter((it) => it.endsWith('.json'))
    .map((it) => JSON.parse(readFileSync(join(folder, it), 'utf8')) as SuiteResult);
  return new Map(results.map((it) => [it.suite, it]));
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
  const after = new Map(b.rows.map((it) => [it.name, it]));
  return a.rows
    .filter((it) => it.target !== null)
    .map((it) => compareRows(it, after.get(it.name), threshold));
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
