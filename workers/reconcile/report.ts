/**
 * What a run found, for people (Markdown), programs (JSON) and spreadsheets (CSV), and the
 * payout file. The same state gives the same bytes; files are replaced whole.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import type pg from 'pg';
import { daysOf, type Period } from './calendar.js';
import { ALL_STATES, countItems, type Item, type ItemCount, openIn, readItems } from './items.js';
import type { Figure } from './match.js';
import { decimalText } from './money.js';
import type { Batch } from './settle.js';

export interface ReportFacts {
  readonly period: Period;
  readonly isProvisional: boolean;
  readonly isIncomplete: boolean;
  readonly figures: readonly Figure[];
}

export interface WrittenReport {
  readonly folder: string;
  readonly open: number;
  readonly counts: readonly ItemCount[];
}

type Sum = 'gross_minor' | 'fees_minor' | 'refunds_minor' | 'disputes_minor' | 'net_minor';

/** Items shown in the Markdown page; the CSV holds all. */
const SHOWN_MAX = 50;

export async function writeReport(
  client: pg.Client,
  folder: string,
  facts: ReportFacts,
): Promise<WrittenReport> {
  const { period } = facts;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const counts = await countItems(client, period.from, period.until);
  const batches = await batchesOf(client, period);
  const shown: Item[] = [];
  await writeCsv(join(folder, 'items.csv'), itemRows(client, period, shown));
  await writeCsv(join(folder, 'payouts.csv'), batches.map(payoutRow));
  const open = openIn(counts);
  const summary = {
    kind: period.kind,
    period: period.label,
    from: period.from,
    until: period.until,
    state: facts.isIncomplete ? 'incomplete' : facts.isProvisional ? 'provisional' : 'finished',
    open,
    lines: facts.figures,
    items: counts,
    batches,
  };
  await replace(join(folder, 'report.json'), `${jsonText(summary, 2)}\n`);
  await replace(join(folder, 'report.md'), pageOf(facts, counts, batches, shown));
  return { folder, open, counts };
}

async function batchesOf(client: pg.Client, period: Period): Promise<Batch[]> {
  const { rows } = await client.query<Batch & Record<Sum, string>>(
    `select merchant, currency, day::text, movements, gross_minor::text, fees_minor::text,
       refunds_minor::text, disputes_minor::text, net_minor::text
     from settlement_batches where day >= $1 and day < $2 order by day, merchant, currency`,
    daysOf(period),
  );
  return rows.map((row) => ({
    ...row,
    gross_minor: BigInt(row.gross_minor),
    fees_minor: BigInt(row.fees_minor),
    refunds_minor: BigInt(row.refunds_minor),
    disputes_minor: BigInt(row.disputes_minor),
    net_minor: BigInt(row.net_minor),
  }));
}

async function* itemRows(client: pg.Client, period: Period, shown: Item[]): AsyncGenerator<object> {
  const { from, until } = period;
  for await (const item of readItems(client, { from, until, states: ALL_STATES })) {
    if (item.state === 'open' && shown.length < SHOWN_MAX) shown.push(item);
    yield { ...item, at: item.at.toISOString() };
  }
}

function payoutRow(batch: Batch): object {
  const { merchant, currency, day, movements } = batch;
  const money = (minor: bigint): string => decimalText(minor, currency);
  return {
    payout: `payout/${merchant}/${currency}/${day}`,
    merchant,
    currency,
    day,
    movements,
    gross: money(batch.gross_minor),
    fees: money(batch.fees_minor),
    refunds: money(batch.refunds_minor),
    net: money(batch.net_minor),
    direction: batch.net_minor < 0 ? 'owed_by_merchant' : 'to_merchant',
    // Last, so that the columns before keep their places.
    disputes: money(batch.disputes_minor),
  };
}

function pageOf(
  facts: ReportFacts,
  counts: readonly ItemCount[],
  batches: readonly Batch[],
  shown: readonly Item[],
): string {
  const { period } = facts;
  const open = openIn(counts);
  return `# Reconciliation, ${period.kind}, ${period.label}

From ${period.from.toISOString()} to ${period.until.toISOString()}${
    facts.isProvisional ? ', still under way: nothing is settled yet' : ''
  }${facts.isIncomplete ? ', incomplete: reports are missing' : ''}. **${open === 0 ? 'Nothing is open.' : `${open} open.`}**

## Reported lines
${table(
  ['provider', 'verdict', 'currency', 'lines', 'amount'],
  facts.figures.map((figure) => [
    figure.provider,
    figure.verdict,
    figure.currency,
    figure.lines,
    decimalText(figure.amount_minor, figure.currency),
  ]),
)}
## Differences
${table(
  ['kind', 'state', 'items'],
  counts.map((count) => [count.kind, count.state, count.count]),
)}
## Open
${table(
  ['item', 'kind', 'provider', 'reference', 'payment', 'ours', 'theirs'],
  shown.map((item) => [
    item.id,
    item.kind,
    item.provider,
    item.reference ?? '',
    `${item.merchant ?? ''}/${item.checkout_id ?? ''}`,
    JSON.stringify(item.ours),
    JSON.stringify(item.theirs),
  ]),
)}
Close one with \`tollgate reconcile resolve <item> --reason "…"\`. All are in items.csv.

## Settled
${table(
  ['day', 'merchant', 'currency', 'movements', 'gross', 'fees', 'refunds', 'disputes', 'net'],
  batches.map((batch) => [
    batch.day,
    batch.merchant,
    batch.currency,
    batch.movements,
    decimalText(batch.gross_minor, batch.currency),
    decimalText(batch.fees_minor, batch.currency),
    decimalText(batch.refunds_minor, batch.currency),
    decimalText(batch.disputes_minor, batch.currency),
    decimalText(batch.net_minor, batch.currency),
  ]),
)}`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return 'none\n';
  const line = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((cell) => `${cell}`.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

async function writeCsv(
  path: string,
  rows: AsyncIterable<object> | Iterable<object>,
): Promise<void> {
  const options = { header: true, cast: { string: guarded } };
  await pipeline(Readable.from(rows), stringify(options), createWriteStream(`${path}.part`));
  await rename(`${path}.part`, path);
}

/** Spreadsheets take text that begins so for a formula; a number they may take as it is. */
const FORMULA = /^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/;
const NUMBER = /^-?\d+(\.\d+)?$/;

export function guarded(text: string): string {
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}

/** Sums beyond 2^53 as text, in which no digit is lost. */
export function jsonText(value: unknown, indent?: number): string {
  const exact = (_name: string, entry: unknown): unknown => {
    if (typeof entry !== 'bigint') return entry;
    return Number.isSafeInteger(Number(entry)) ? Number(entry) : `${entry}`;
  };
  return JSON.stringify(value, exact, indent);
}

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text, { mode: 0o600 });
  await rename(`${path}.part`, path);
}
