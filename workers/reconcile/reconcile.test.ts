import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type pg from 'pg';
import { freePorts } from '../../ops/e2e/engine-process.js';
import { type Booked, bookPayments } from '../../ops/prove/booked.js';
import { imbalance } from '../../ops/prove/books.js';
import { type LocalPostgres, startPostgres } from '../../ops/up/postgres.js';
import { migrate } from '../postgres/migrate.js';
import { becomeRunner, openConnection } from './connection.js';
import { duePeriods } from './due.js';
import { resolveItem } from './items.js';
import { type RunResult, reconcile } from './run.js';
import { FolderSource } from './sources/folder-source.js';

const UTC = { timeZone: 'UTC', cutoffHour: 0 };
const HEADER =
  'reference,merchant,checkout_id,type,amount,currency,fee,status,refund_reference,created_at';

describe('reconciliation', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-reconcile-'));
  let server: LocalPostgres;
  let client: pg.Client;
  let provider = '';
  let folders = 0;

  before(async () => {
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(home, 'pg'), port, log: join(home, 'pg.log') });
    await migrate(server.url);
    client = await openConnection(server.url);
  });
  after(async () => {
    assert.deepEqual(await imbalance(server.url), []);
    await client.end();
    await server.stop('SIGINT', 5_000);
    rmSync(home, { recursive: true });
  });
  /** Each test has a provider, a month and checkout ids of its own. */
  beforeEach(() => {
    provider = `bank${++folders}`;
    mkdirSync(join(home, provider));
  });

  const day = (n: number): string =>
    `2027-${`${folders}`.padStart(2, '0')}-${`${n}`.padStart(2, '0')}`;
  const at = (n: number, time: string): Date => new Date(`${day(n)}T${time}Z`);
  const id = (name: string): string => `${provider}-${name}`;
  const book = (name: string, when: Date, more: Partial<Booked> = {}) =>
    bookPayments(client, [
      { id: id(name), amount: 1_000, currency: 'USD', at: when, provider, ...more },
    ]);
  const line = (name: string, when: Date, more: Record<string, string> = {}): string => {
    const fields: Record<string, string> = {
      reference: `ref-${id(name)}`,
      merchant: 'default',
      checkout_id: id(name),
      type: 'charge',
      amount: '10.00',
      currency: 'USD',
      fee: '0.14',
      status: '',
      refund_reference: '',
      created_at: when.toISOString(),
      ...more,
    };
    return HEADER.split(',')
      .map((it) => fields[it])
      .join(',');
  };
  const report = (file: string, ...lines: string[]): void =>
    writeFileSync(join(home, provider, file), `${[HEADER, ...lines].join('\n')}\n`);
  const run = (label: string, kind: 'daily' | 'monthly' = 'daily'): Promise<RunResult> =>
    reconcile({
      kind,
      label,
      settings: {
        ...UTC,
        databaseUrl: server.url,
        reportsDir: join(home, 'reports'),
        lateMinutes: 60,
        fees: new Map([[provider, 14]]),
      },
      sources: [new FolderSource(provider, join(home, provider))],
      onProgress: () => {},
      busyMsMax: 200,
      now: new Date('2028-06-01T00:00:00Z'),
    });
  const items = async (): Promise<string[]> => {
    const { rows } = await client.query<{ item: string }>(
      `select kind || ' ' || state || ' ' || coalesce(checkout_id, '') as item
       from reconciliation_items where provider = $1 order by id`,
      [provider],
    );
    return rows.map((row) => row.item.replace(`${provider}-`, ''));
  };
  const payment = async (name: string) =>
    (
      await client.query(
        `select status, version, refunded_amount, (select string_agg(source || ':' || reason, ' ')
           from payment_events e where e.checkout_id = p.checkout_id) as events
         from payments p where checkout_id = $1`,
        [id(name)],
      )
    ).rows[0] as { status: string; version: number; refunded_amount: number; events: string };

  it('should say which days and months are due, once their hour has come', async () => {
    const due = async (now: string): Promise<string[]> =>
      (await duePeriods(client, UTC, 3, new Date(now))).map((it) => `${it.kind} ${it.label}`);
    assert.deepEqual(await due('2027-01-05T03:00:00Z'), ['daily 2027-01-04']);
    report('a.csv');
    await run('2027-01-01');
    assert.deepEqual(await due('2027-01-03T02:59:59Z'), []);
    assert.deepEqual(await due('2027-01-03T03:00:00Z'), ['daily 2027-01-02']);
    const atMonthsEnd = await due('2027-02-01T03:00:00Z');
    assert.equal(atMonthsEnd.length, 31);
    assert.deepEqual(atMonthsEnd.slice(-2), ['daily 2027-01-31', 'monthly 2027-01']);
    assert.ok(!(await due('2027-02-01T02:59:59Z')).includes('monthly 2027-01'));
    await run('2027-01', 'monthly');
    assert.ok(!(await due('2027-02-01T03:00:00Z')).includes('monthly 2027-01'));
    assert.equal((await due('2027-12-01T03:00:00Z')).length, 35 + 1);
  });

  it('should finish a payment whose outcome we never heard, by the state machine', async () => {
    await book('lost', at(1, '10:00'), { status: 'processing' });
    report('a.csv', line('lost', at(1, '10:00')));
    const { open } = await run(day(1));
    assert.equal(open, 0);
    assert.deepEqual(await items(), ['status_differs healed lost']);
    const found = await payment('lost');
    assert.equal(found.status, 'succeeded');
    assert.equal(found.events, 'reconciliation:reconciliation');
    const { rows } = await client.query(
      `select count(*) as entries from ledger_entries
       where transaction_id = 'charge/default/' || $1`,
      [id('lost')],
    );
    assert.equal(rows[0].entries, 2);
  });

  it('should not take the word of a report that names another amount', async () => {
    await book('odd', at(1, '10:00'), { status: 'processing' });
    report('a.csv', line('odd', at(1, '10:00'), { amount: '10.01', fee: '' }));
    assert.equal((await run(day(1))).open, 1);
    assert.deepEqual(await items(), ['amount_differs open odd']);
    assert.equal((await payment('odd')).status, 'processing');
  });

  it('should take over refunds, once, and settle them', async () => {
    await book('back', at(1, '10:00'));
    const refund = (name: string, amount: string, when: Date): string =>
      line('back', when, { type: 'refund', amount, fee: '', refund_reference: name });
    report('a.csv', line('back', at(1, '10:00')), refund('re_1', '-3.00', at(1, '11:00')));
    assert.equal((await run(day(1))).open, 0);
    assert.equal((await payment('back')).refunded_amount, 300);
    report('b.csv', refund('re_2', '-2.50', at(2, '11:00')));
    assert.equal((await run(day(2))).open, 0);
    await run(day(1));
    await run(day(2));
    assert.equal((await payment('back')).refunded_amount, 550);
    const { rows } = await client.query(
      `select gross_minor, fees_minor, refunds_minor, net_minor from settlement_batches
       where day >= $1 and day <= $2 order by day`,
      [day(1), day(2)],
    );
    assert.deepEqual(rows.map(Object.values), [
      [1_000, 14, 300, 686],
      [0, 0, 250, -250],
    ]);
  });

  it('should refuse to refund more than was charged, and leave that to a person', async () => {
    await book('much', at(1, '10:00'));
    const more = { type: 'refund', amount: '-10.01', fee: '', refund_reference: 'x' };
    report('a.csv', line('much', at(1, '10:00')), line('much', at(1, '11:00'), more));
    await run(day(1));
    assert.deepEqual(await items(), ['amount_differs open much']);
    assert.equal((await payment('much')).refunded_amount, 0);
  });

  it('should carry what is late to the next run, which finds it or misses it', async () => {
    await book('soon', at(1, '23:30'));
    await book('never', at(1, '23:40'));
    report('a.csv');
    await run(day(1));
    assert.deepEqual(await items(), ['late carried soon', 'late carried never']);
    report('b.csv', line('soon', at(2, '00:10')));
    await run(day(2));
    assert.deepEqual(await items(), ['late healed soon', 'missing_outside open never']);
    await run(day(1));
    assert.deepEqual(await items(), ['late healed soon', 'missing_outside open never']);
  });

  it('should put what comes after a day was closed into the next open one', async () => {
    await book('first', at(1, '10:00'));
    report('a.csv', line('first', at(1, '10:00')));
    await run(day(1));
    await book('after', at(1, '11:00'));
    report('b.csv', line('after', at(1, '11:00')));
    await run(day(1));
    const settledOn = async (): Promise<unknown[]> =>
      (
        await client.query(
          `select checkout_id, day::text from settled_movements where provider = $1 order by 1 desc`,
          [provider],
        )
      ).rows.map(Object.values);
    assert.deepEqual(await settledOn(), [
      [id('first'), day(1)],
      [id('after'), day(2)],
    ]);
    await run(day(2));
    const { rows } = await client.query(
      `select day::text, net_minor from settlement_batches where day in ($1, $2) order by day`,
      [day(1), day(2)],
    );
    assert.deepEqual(rows.map(Object.values), [
      [day(1), 986],
      [day(2), 986],
    ]);
    const payouts = readFileSync(join(home, 'reports', `daily-${day(2)}`, 'payouts.csv'), 'utf8');
    assert.match(payouts, /,1,10\.00,0\.14,0\.00,9\.86,to_merchant/);
  });

  it('should find a charge that is reported again on another day, and once more under another name', async () => {
    await book('paid', at(1, '10:00'));
    report('a.csv', line('paid', at(1, '10:00')));
    await run(day(1));
    report(
      'b.csv',
      line('paid', at(2, '10:00')),
      line('paid', at(2, '11:00'), { reference: 'other' }),
    );
    await run(day(2));
    await run(day(1), 'daily');
    assert.deepEqual(await items(), ['duplicate_outside open paid', 'duplicate_outside open paid']);
  });

  it('should know a file by its digest, and replace a report by its later version', async () => {
    await book('one', at(1, '10:00'));
    await book('two', at(1, '11:00'));
    report('a.csv', line('one', at(1, '10:00')));
    assert.equal((await run(day(1))).open, 1);
    report('copy.csv', line('one', at(1, '10:00')));
    assert.deepEqual((await run(day(1))).counts, [
      { kind: 'missing_outside', state: 'open', count: 1 },
    ]);
    rmSync(join(home, provider, 'copy.csv'));
    report('a.csv', line('one', at(1, '10:00')), line('two', at(1, '11:00')));
    assert.equal((await run(day(1))).open, 0);
    assert.deepEqual(await items(), ['missing_outside healed two']);
    const { rows } = await client.query(
      `select state, (select count(*) from settlement_lines l where l.source_id = s.id) as lines
       from settlement_sources s where provider = $1 order by id`,
      [provider],
    );
    assert.deepEqual(rows.map(Object.values), [
      ['superseded', 0],
      ['loaded', 2],
    ]);
  });

  it('should refuse a report that is empty or unreadable, and judge nothing by it', async () => {
    await book('kept', at(1, '10:00'));
    writeFileSync(join(home, provider, 'a.csv'), '');
    await assert.rejects(run(day(1)), { code: 'report_invalid' });
    for (const more of [
      { amount: '10.001' },
      { amount: 'ten' },
      { currency: 'XXY' },
      { type: 'gift' },
      { created_at: 'yesterday' },
    ] as Record<string, string>[]) {
      report('a.csv', line('kept', at(1, '10:00'), more));
      await assert.rejects(run(day(1)), { code: 'report_invalid' });
    }
    assert.deepEqual(await items(), []);
  });

  it('should let one run at a time', async () => {
    report('a.csv');
    const other = await openConnection(server.url);
    await becomeRunner(other, 0);
    await assert.rejects(run(day(1)), { code: 'runner_busy', canRetry: true });
    await other.end();
    await run(day(1));
  });

  it('should keep a resolved item resolved, and every change of it on record', async () => {
    report('a.csv', line('ghost', at(1, '10:00')));
    assert.equal((await run(day(1))).open, 1);
    const { rows } = await client.query<{ id: number }>(
      'select id from reconciliation_items where provider = $1',
      [provider],
    );
    await resolveItem(client, rows[0]!.id, 'a test charge', 'ann');
    await assert.rejects(resolveItem(client, rows[0]!.id, 'again', 'ann'), {
      code: 'item_not_open',
    });
    assert.equal((await run(day(1))).open, 0);
    const { rows: changes } = await client.query(
      `select from_state, to_state, reason, actor from reconciliation_changes where item_id = $1
       order by id`,
      [rows[0]!.id],
    );
    assert.deepEqual(changes.map(Object.values), [
      [null, 'open', 'found', 'reconciliation'],
      ['open', 'resolved', 'a test charge', 'ann'],
    ]);
    for (const table of ['reconciliation_changes', 'settlement_batches', 'settlement_days'])
      await assert.rejects(client.query(`delete from ${table}`), /append-only/);
    assert.ok(existsSync(join(home, 'reports', `daily-${day(1)}`, 'report.md')));
  });

  it('should have a check of the books that fails when they are off', async () => {
    const entry = `insert into ledger_entries (transaction_id, merchant, account, currency, amount_minor)
      values ('off', 'm', 'x', 'EUR', `;
    await client.query('set session_replication_role = replica');
    await client.query(`${entry} 5)`);
    assert.deepEqual(await imbalance(server.url), ['EUR 5']);
    await client.query(`${entry.replace("'x'", "'y'")} -5)`);
    await client.query('set session_replication_role = origin');
    await assert.rejects(client.query(`${entry.replace("'off'", "'lonely'")} 5)`), /sum to zero/);
  });
});
