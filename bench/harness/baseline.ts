/** The stored baseline that later results are compared with, and the main table of the README. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readResults } from './compare.js';
import { type Row, textOfNumber } from './result.js';

/** Copies every suite's result, and the plots. @returns how many */
export function keepBaseline(results: string, baseline: string): number {
  mkdirSync(baseline, { recursive: true });
  const files = readdirSync(results).filter((name) => /^(?!history).*\.(json|png)$/.test(name));
  for (const file of files) copyFileSync(join(results, file), join(baseline, file));
  return files.length;
}

/** Markdown: every row that has a target. */
export function tableOf(folder: string): string[] {
  const rows = [...readResults(folder).values()].flatMap(({ suite, rows }) =>
    rows.filter((row) => row.target !== null).map((row) => lineOf(suite, row)),
  );
  return [
    '| suite | what | ours | beside | ratio | target |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ];
}

function lineOf(suite: string, row: Row): string {
  const beside =
    row.rival !== null
      ? `${row.rival_name} ${textOfNumber(row.rival)}`
      : `limit ${textOfNumber(row.limit ?? 0)}`;
  const target = `${(row.target ?? 0).toFixed(2)}${row.holds ? '' : ' (missed)'}`;
  return `| \`${suite}\` | ${row.name} | ${textOfNumber(row.ours)} ${row.unit} | ${beside} | ${row.ratio.toFixed(2)} | ${target} |`;
}
