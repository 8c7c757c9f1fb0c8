/** Appends one line per suite and run to bench/results/history.jsonl: the ratios over time. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { packageFile } from '../../engine/util/paths.js';
import type { SuiteResult } from './result.js';

const LINES_MAX = 5_000;
const FILE = packageFile('bench/results/history.jsonl');

export interface HistoryLine {
  readonly suite: string;
  readonly at: string;
  readonly ratios: Readonly<Record<string, number>>;
}

export function appendHistory(results: readonly SuiteResult[]): void {
  mkdirSync(packageFile('bench/results'), { recursive: true });
  for (const { suite, at, rows, quick } of results) {
    if (quick) continue;
    const judged = rows.filter((row) => row.target !== null);
    const ratios = Object.fromEntries(judged.map((row) => [row.name, row.ratio]));
    appendFileSync(FILE, `${JSON.stringify({ suite, at, ratios })}\n`);
  }
}

export function readHistory(): HistoryLine[] {
  if (!existsSync(FILE)) return [];
  const lines = readFileSync(FILE, 'utf8').trim().split('\n').slice(-LINES_MAX);
  return lines.filter(Boolean).map((line) => JSON.parse(line) as HistoryLine);
}
