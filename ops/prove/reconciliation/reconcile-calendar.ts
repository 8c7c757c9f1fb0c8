/**
 * Accounting days in other places: clocks that jump, leap days, month ends, cut-off hours,
 * currencies without and with three decimals. The days are compared with Intl's clock, which
 * has no part in making them.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { migrateAsOwner } from '../../../workers/postgres/migrate.js';
import { addDays, type Clock, periodOf } from '../../../workers/reconcile/calendar.js';
import { openConnection } from '../../../workers/reconcile/connection.js';
import { decimalText } from '../../../workers/reconcile/money.js';
import { type RunResult, reconcile } from '../../../workers/reconcile/run.js';
import { FolderSource } from '../../../workers/reconcile/sources/folder-source.js';
import { type LocalPostgres, startPostgres } from '../../local/postgres.js';
import { imbalance } from '../../testing/books.js';
import { freePorts } from '../../testing/engine-process.js';
import { type Booked, bookPayments } from '../../testing/payment-fixtures.js';
import type { Proof, Stage } from '../../testing/proof.js';

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
];
const CUTOFFS = [0, 2, 5, 23];
const HOUR_MS = 3_600_000;
const BERLIN: Clock = { timeZone: 'Europe/Berlin', cutoffHour: 2 };
/** Leap day and month end; clocks forward; month end; clocks back. */
const STRETCHES = [
  ['2028-02-28', 3],
  ['2028-03-25', 3],
  ['2028-03-31', 2],
  ['2028-10-28', 3],
] as const;
const HOURS: Readonly<Record<string, number>> = {
  '2028-03-26': 23,
  '2028-10-28': 25,
  '2028-10-29': 24,
};
const CURRENCIES = ['USD', 'JPY', 'BHD'];

export const reconcileCalendar: Proof = {
  name: 'reconcile-calendar',
  shows:
    'days of 23 and 25 hours, month ends, leap days, cut-offs elsewhere, currencies with 0 and 3 decimals, odd report files: every movement on its one day',
  async run(stage: Stage) {
    const home = mkdtempSync(join(tmpdir(), 'tollgate-calendar-'));
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    const dir = join(home, 'postgres');
    const postgres = await startPostgres({ dir, port, log: join(home, 'postgres.log') });
    try {
      await migrateAsOwner(postgres);
      const client = await openConnection(postgres.url);
      await days(stage, client);
      await runs(stage, client, postgres, home);
      await client.end();
      stage.must((await imbalance(postgres.url)).length === 0, 'the ledger is not zero');
    } finally {
      await postgres.stop('SIGINT', 5_000);
      rmSync(home, { recursive: true, force: true });
    }
  },
};

/** Every day of two years: they follow each other, and start when the clock there says so. */
async function days(stage: Stage, client: pg.Client): Promise<void> {
  let checked = 0;
  let odd = 0;
  for (const timeZone of ZONES) {
    const clock = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'short',
    });
    for (const cutoff of CUTOFFS) {
      for (const start of await dayStarts(client, timeZone, cutoff)) {
        const told = clock.format(start.start);
        const wanted = `${start.day} ${`${cutoff}`.padStart(2, '0')}:00`;
        const hours = (start.next.getTime() - start.start.getTime()) / HOUR_MS;
        if (hours !== 24) odd++;
        // A cut-off that the clock jumps over is the first moment behind the jump.
        const isJumped = told > wanted && clock.format(start.start.getTime() - 60_000) < wanted;
        stage.must(told === wanted || isJumped, `${timeZone}: ${told} for ${wanted}`);
        stage.must(hours >= 23 && hours <= 25, `${timeZone} ${start.day} has ${hours} hours`);
        stage.must(
          start.strays === 0,
          `${timeZone} ${start.day}: ${start.strays} moments go astray`,
        );
        checked++;
      }
    }
  }
  stage.figure('days compared / not of 24 hours', `${checked} / ${odd}`);
  stage.must(odd > 0, 'no clock jumped');
}

interface DayStart {
  readonly day: string;
  readonly start: Date;
  readonly next: Date;
  /** Moments, a quarter of an hour apart, that do not fall on this day. */
  readonly strays: number;
}

async function dayStarts(client: pg.Client, zone: string, cutoff: number): Promise<DayStart[]> {
  const { rows } = await client.query<DayStart>(
    `select d.day::text, d.start, d.next, (
         select count(*) from generate_series(d.start, d.next - interval '1 ms', '15 min') at
         where accounting_day(at, $1, $2) <> d.day) as strays
     from (
       select day, accounting_day_start(day, $1, $2) as start,
         accounting_day_start(day + 1, $1, $2) as next
       from (select g::date as day from generate_series('2027-01-01'::timestamp,
         '2028-12-31'::timestamp, interval '1 day') g) g) d`,
    [zone, cutoff],
  );
  return rows;
}

/** A charge each half hour, day by day: each is settled on the day to which the clock says it belongs. */
async function runs(
  stage: Stage,
  client: pg.Client,
  server: LocalPostgres,
  home: string,
): Promise<void> {
  const payments: Booked[] = [];
  const labels = STRETCHES.flatMap(([first, n]) =>
    Array.from({ length: n }, (_, i) => addDays(first, i)),
  );
  const wanted = new Map<string, number>();
  for (const label of labels) {
    const { from, until } = await periodOf(client, BERLIN, 'daily', label);
    for (let at = from.getTime(); at < until.getTime(); at += HOUR_MS / 2) {
      const n = payments.length;
      const currency = CURRENCIES[n % CURRENCIES.length]!;
      payments.push({
        id: `p${n}`,
        amount: 1_001 + n,
        currency,
        at: new Date(at),
        provider: 'bank',
      });
      wanted.set(`${label} ${currency}`, (wanted.get(`${label} ${currency}`) ?? 0) + 1_001 + n);
    }
    stage.figure(label, `${(until.getTime() - from.getTime()) / HOUR_MS} hours`);
    const hours = HOURS[label];
    stage.must(hours === undefined || until.getTime() - from.getTime() === hours * HOUR_MS, label);
  }
  await bookPayments(client, payments);
  const folder = join(home, 'settlements', 'bank');
  mkdirSync(folder, { recursive: true });
  // As programs of other people write it: their name, line endings, blank lines, small letters.
  writeFileSync(join(folder, 'BANK.CSV'), reportOf(payments));
  const run = (kind: 'daily' | 'monthly', label: string) => runOne(server.url, home, kind, label);
  for (const label of labels) mustBeClean(stage, await run('daily', label));
  mustBeClean(stage, await run('monthly', '2028-03'));
  await mustBearABadFile(stage, folder, () => run('daily', '2028-04-01'));
  await mustKeepBooksApart(stage, server, (await run('daily', '2028-04-01')).folder, (other) =>
    runOne(other, home, 'daily', '2028-04-01'),
  );
  await mustBeSettled(stage, client, wanted);
}

/** It is an item, and all that other files say counts; without it the item closes. */
async function mustBearABadFile(
  stage: Stage,
  folder: string,
  run: () => Promise<RunResult>,
): Promise<void> {
  const bad = join(folder, 'bad.csv');
  for (const text of ['', 'reference,type,amount,amount,currency\n', '<html></html>']) {
    writeFileSync(bad, text);
    const { open, isIncomplete } = await run();
    stage.must(open === 1 && isIncomplete, `a bad file: ${open} open`);
  }
  rmSync(bad);
  const { open, isIncomplete } = await run();
  stage.figure('a bad file: items while it is there / after', `1 / ${open}`);
  stage.must(open === 0 && !isIncomplete, 'the item of a bad file stays open without the file');
}

/** Two systems that share a home folder, as `make run` and `make cluster` do. */
async function mustKeepBooksApart(
  stage: Stage,
  server: LocalPostgres,
  folder: string,
  run: (url: string) => Promise<RunResult>,
): Promise<void> {
  const admin = await openConnection(server.adminUrl);
  await admin.query('create database other_books owner tollgate_owner');
  await admin.end();
  const other = (url: string): string =>
    Object.assign(new URL(url), { pathname: '/other_books' }).href;
  await migrateAsOwner({ url: other(server.url), ownerUrl: other(server.ownerUrl) });
  const report = await run(other(server.url));
  stage.figure('reports of two books', report.folder === folder ? 'in one folder' : 'apart');
  stage.must(report.folder !== folder, 'two books write their reports into one folder');
}

function reportOf(payments: readonly Booked[]): string {
  const endings = ['\r\n', '\n', '\n\n', '\r'];
  const lines = payments.map((payment, n) => {
    const amount = decimalText(payment.amount, payment.currency);
    const currency = n % 2 === 0 ? payment.currency : payment.currency.toLowerCase();
    const line = `ref-${payment.id},default,${payment.id},charge,${amount},${currency},,${payment.at.toISOString()}`;
    return `${line}${endings[n % endings.length]}`;
  });
  return `reference,merchant,checkout_id,type,amount,currency,fee,created_at\n${lines.join('')}\r\n`;
}

function runOne(
  databaseUrl: string,
  home: string,
  kind: 'daily' | 'monthly',
  label: string,
): Promise<RunResult> {
  return reconcile({
    kind,
    label,
    settings: {
      ...BERLIN,
      databaseUrl,
      reportsDir: join(home, 'reports'),
      lateMinutes: 60,
      fees: [],
      feeRounding: 'half_up',
    },
    sources: [new FolderSource('bank', join(home, 'settlements', 'bank'))],
    onProgress: () => {},
    busyMsMax: 1_000,
    now: new Date('2029-01-01T00:00:00Z'),
  });
}

function mustBeClean(stage: Stage, { period, counts }: RunResult): void {
  stage.must(counts.length === 0, `${period.label}: ${JSON.stringify(counts)}`);
}

async function mustBeSettled(
  stage: Stage,
  client: pg.Client,
  wanted: ReadonlyMap<string, number>,
): Promise<void> {
  const { rows } = await client.query<{ batch: string; gross: number }>(
    `select day || ' ' || currency as batch, gross_minor as gross from settlement_batches`,
  );
  const wrong = rows.filter((row) => wanted.get(row.batch) !== row.gross);
  stage.figure('batches by day and currency / wrong', `${rows.length} / ${wrong.length}`);
  stage.must(rows.length === wanted.size && wrong.length === 0, `wrong: ${JSON.stringify(wrong)}`);
}
