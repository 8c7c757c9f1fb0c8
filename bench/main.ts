/**
 * `make bench`: the suites one after another, each beside its rival in the same run.
 *
 *   main.js [suite…] [--quick] [--advisory]   run, report page, table
 *   main.js compare A B [--threshold 0.1]     results of two folders
 *   main.js report                            the page from what bench/results/ holds
 *   main.js keep, main.js table               the results as baseline, as Markdown
 *
 * Exit code 1: a suite failed, a target was missed, or a comparison is worse.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { packageFile } from '../engine/util/paths.js';
import { stopLiving } from '../ops/local/child.js';
import { keepBaseline, tableOf } from './harness/baseline.js';
import { compareFolders } from './harness/compare.js';
import { appendHistory } from './harness/history.js';
import { writeReport } from './harness/report.js';
import type { SuiteResult } from './harness/result.js';
import { runSuite } from './harness/run-suite.js';
import { disposeAll } from './harness/suite.js';
import { SUITES } from './suites/all.js';
import { large } from './suites/large.js';

const STOP_MS_MAX = 5_000;
const RESULTS = packageFile('bench/results');
const BASELINE = packageFile('bench/baseline');

// What a suite that is broken off has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGTERM');
    void stopLiving(STOP_MS_MAX).then(() => {
      disposeAll();
      process.exit(130);
    });
  });
}

const program = new Command('bench').description('measures every stage beside its rival');
program
  .command('run', { isDefault: true })
  .argument('[suites...]', `of ${SUITES.map((suite) => suite.name).join(' ')}`)
  .option('--quick', 'shorter rounds, in five minutes')
  .option('--advisory', 'missed targets do not fail the run')
  .action(async (names: string[], options: { quick?: boolean; advisory?: boolean }) => {
    const all = [...SUITES, large];
    for (const name of names)
      if (!all.some((suite) => suite.name === name)) program.error(`there is no suite ${name}`);
    const chosen = names.length === 0 ? SUITES : all.filter((suite) => names.includes(suite.name));
    const results: SuiteResult[] = [];
    const failed: string[] = [];
    const since = Date.now();
    for (const [i, suite] of chosen.entries()) {
      console.log(`bench ${suite.name} (${i + 1} of ${chosen.length}): ${suite.measures}`);
      const result = await runSuite(suite, options.quick ?? false);
      if (typeof result === 'string') failed.push(`${suite.name}: ${result}`);
      else results.push(result);
    }
    appendHistory(results);
    await writeReport(RESULTS);
    summarise(results, failed, (Date.now() - since) / 1_000);
    const missed = results.some((result) => result.rows.some((row) => !row.holds));
    process.exit(failed.length > 0 || (missed && !options.advisory) ? 1 : 0);
  });
program
  .command('compare')
  .argument('<a>', 'folder of results, e.g. bench/baseline')
  .argument('<b>', 'folder of results')
  .option('--threshold <share>', 'a ratio may fall by this share', '0.1')
  .action((a: string, b: string, options: { threshold: string }) => {
    process.exit(compareFolders(a, b, Number(options.threshold), console.log) ? 0 : 1);
  });
program.command('report').action(async () => console.log(await writeReport(RESULTS)));
program
  .command('keep')
  .description('make the results the baseline')
  .action(() => console.log(`${keepBaseline(RESULTS, BASELINE)} results kept in ${BASELINE}`));
program
  .command('table')
  .description('the rows that have a target, as Markdown')
  .action(() => console.log(tableOf(RESULTS).join('\n')));
await program.parseAsync();

function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.split(' ').filter(Boolean).map(Number);
}

function summarise(
  results: readonly SuiteResult[],
  failed: readonly string[],
  seconds: number,
): void {
  const rows = results.flatMap((result) => result.rows.filter((row) => row.target !== null));
  const holding = rows.filter((row) => row.holds).length;
  console.log(`\n${holding} of ${rows.length} targets hold (${seconds.toFixed(0)} s)`);
  for (const { suite, rows: all } of results)
    for (const row of all)
      if (!row.holds)
        console.log(`  missed: ${suite}: ${row.name}: ${row.ratio.toFixed(2)} of ${row.target}`);
  for (const text of failed) console.log(`  FAILED ${text}`);
  console.log(`report: ${RESULTS}/report.html`);
}
