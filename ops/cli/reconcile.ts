/**
 * `tollgate reconcile`: compares a day or a month with the providers' reports, and lists the items
 * that remain for an operator. Exit code 3 if open items remain.
 */
import type { Command } from 'commander';
import { processorConfig } from '../../engine/config/config.js';
import { prepareSchema } from '../../workers/postgres/migrate.js';
import { recordAct } from '../../workers/postgres/operator-actions.js';
import {
  accountingDay,
  addDays,
  daysOf,
  monthBefore,
  monthOf,
  type PeriodKind,
} from '../../workers/reconcile/calendar.js';
import { openConnection } from '../../workers/reconcile/connection.js';
import { ALL_STATES, type Item, readItems, resolveItem } from '../../workers/reconcile/items.js';
import { type RunResult, reconcile } from '../../workers/reconcile/run.js';
import { reconcileSettings, settlementSources } from '../../workers/reconcile/settings.js';
import { actorName } from './actor.js';
import { ProgressBar } from './progress-bar.js';
import { useRunning } from './running.js';

const WRONG_USE = 2;
const OPEN_ITEMS = 3;
const BUSY_MS_MAX = 600_000;
const EVER = { from: new Date(0), until: new Date(8_640_000_000_000_000) };

export function registerReconcile(program: Command): void {
  const group = program.command('reconcile').description('our books against the providers’');
  group
    .command('daily')
    .description('reconcile an accounting day; without a date the last one and today so far')
    .option('--date <YYYY-MM-DD>', 'accounting day')
    .action(({ date }: { date?: string }, command: Command) => runAll(command, 'daily', date));
  group
    .command('monthly')
    .description('reconcile a month; without one the last that has ended')
    .option('--month <YYYY-MM>', 'month')
    .action(({ month }: { month?: string }, command: Command) => runAll(command, 'monthly', month));
  group
    .command('items')
    .description('list what is open; exit code 3 when something is')
    .option('--all', 'also what was carried, healed and resolved')
    .option('--json', 'one JSON object a line')
    .action(listItems);
  group
    .command('resolve <id>')
    .description('close an open item')
    .requiredOption('--reason <text>', 'what was found out and done')
    .option('--by <name>', 'who decided (default: who runs this command)')
    .action(resolve);
}

async function runAll(command: Command, kind: PeriodKind, asked?: string): Promise<void> {
  if (asked !== undefined) refuseUnless(command, periodProblem(kind, asked));
  useRunning();
  const config = processorConfig();
  const settings = reconcileSettings(config);
  await prepareSchema(config.databaseUrl);
  const sources = await settlementSources(config);
  let open = 0;
  for (const label of await labelsOf(command, kind, asked)) {
    const since = Date.now();
    const bar = new ProgressBar(`${kind} ${label}`);
    const onProgress = bar.show.bind(bar);
    const result = await reconcile({
      kind,
      label,
      settings,
      sources,
      onProgress,
      busyMsMax: BUSY_MS_MAX,
      now: new Date(),
    });
    bar.end();
    say(result, (Date.now() - since) / 1_000);
    open += result.open;
  }
  if (open > 0) process.exitCode = OPEN_ITEMS;
}

/** What is asked for, which must have begun; else the last period, and today so far. */
function labelsOf(command: Command, kind: PeriodKind, asked?: string): Promise<string[]> {
  return withConnection(async (client, clock) => {
    const today = await accountingDay(client, clock, new Date());
    if (asked === undefined)
      return kind === 'daily' ? [addDays(today, -1), today] : [monthBefore(monthOf(today))];
    refuseUnless(command, periodProblem(kind, asked, today));
    return [asked];
  });
}

function refuseUnless(command: Command, problem: string | undefined): void {
  if (problem !== undefined) command.error(`tollgate: ${problem}`, { exitCode: WRONG_USE });
}

/** @param today where it is known: a period must have begun */
function periodProblem(kind: PeriodKind, label: string, today = '9999-12-31'): string | undefined {
  try {
    const [first] = daysOf({ kind, label });
    return first > today ? `${label} is in the future: today is ${today}` : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function say(result: RunResult, seconds: number): void {
  const { period, isProvisional, isIncomplete, counts, figures, open, folder } = result;
  const lines = figures.reduce((sum, figure) => sum + figure.lines, 0);
  const matched = figures.filter((figure) => figure.verdict === 'matched');
  const agreed = matched.reduce((sum, figure) => sum + figure.lines, 0);
  console.log(
    `${period.kind} ${period.label}${isProvisional ? ' (under way, nothing settled)' : ''}` +
      `${isIncomplete ? ' (incomplete: reports are missing, see `items`)' : ''}: ` +
      `${lines} lines, ${agreed} matched, ${open} open`,
  );
  for (const count of counts) console.log(`  ${count.kind} ${count.state}: ${count.count}`);
  const peakMb = (process.resourceUsage().maxRSS / 1_024).toFixed(0);
  console.log(`  ${seconds.toFixed(1)} s, peak memory ${peakMb} MB, report in ${folder}`);
}

async function listItems(options: { all?: boolean; json?: boolean }): Promise<void> {
  const states = options.all ? ALL_STATES : (['open'] as const);
  await withConnection(async (client) => {
    let open = 0;
    for await (const item of readItems(client, { ...EVER, states })) {
      if (item.state === 'open') open++;
      console.log(options.json ? JSON.stringify(item) : lineOf(item));
    }
    if (!options.json) console.log(open === 0 ? 'nothing is open' : `${open} open`);
    if (open > 0) process.exitCode = OPEN_ITEMS;
  });
}

interface ResolveOptions {
  readonly reason: string;
  readonly by?: string;
}

function lineOf(item: Item): string {
  const payment = `${item.merchant ?? ''}/${item.checkout_id ?? ''}`;
  const facts = `ours ${JSON.stringify(item.ours)} theirs ${JSON.stringify(item.theirs)}`;
  const note = item.state === 'open' ? '' : ` (${item.reason}, ${item.actor})`;
  return `${item.id} ${item.state} ${item.kind} ${item.provider} ${item.reference ?? ''} ${payment} ${facts}${note}`;
}

async function resolve(id: string, options: ResolveOptions, command: Command): Promise<void> {
  const by = options.by ?? actorName();
  const problems = [
    /^\d{1,15}$/.test(id) ? '' : `"${id}" is not the number of an item`,
    options.reason.trim() === '' ? '--reason is empty: say what was found out and done' : '',
    by.trim() === '' ? '--by is empty: say who decided' : '',
  ].filter((problem) => problem !== '');
  if (problems.length > 0)
    command.error(`tollgate: ${problems.join('; ')}`, { exitCode: WRONG_USE });
  const act = { actor: by, action: 'reconcile resolve', target: { item: id } };
  await withConnection(async (client) => {
    await recordAct(client, { ...act, note: options.reason });
    await resolveItem(client, Number(id), options.reason, by);
  });
  console.log(`item ${id} is resolved`);
}

async function withConnection<T>(
  work: (
    client: Awaited<ReturnType<typeof openConnection>>,
    clock: ReturnType<typeof reconcileSettings>,
  ) => Promise<T>,
): Promise<T> {
  useRunning();
  const config = processorConfig();
  const client = await openConnection(config.databaseUrl);
  try {
    return await work(client, reconcileSettings(config));
  } finally {
    await client.end();
  }
}
