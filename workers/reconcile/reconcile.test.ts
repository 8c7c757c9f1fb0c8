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
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { imbalance } from '../../ops/testing/books.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { type Booked, bookPayments } from '../../ops/testing/payment-fixtures.js';
import { migrateAsOwner } from '../postgres/migrate.js';
import { becomeRunner, openConnection } from './connection.js';
import { duePeriods } from './due.js';
import { feesOf, type Rounding } from './fees.js';
import { resolveItem } from './items.js';
import { guarded } from './report.js';
import { type RunResult, reconcile } from './run.js';
import { FolderSource } from './sources/folder-source.js';
import { SimulatorSource } from './sources/simulator-source.js';
import type { SettlementSource } from './sources/source.js';
import { WalletSource } from './sources/wallet-source.js';

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
    await migrateAsOwner(server);
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
    new Date(Date.UTC(2027, folders - 1, n)).toISOString().slice(0, 10);
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
      .map((part) => fields[part])
      .join(',');
  };
  const report = (file: string, ...lines: string[]): void =>
    writeFileSync(join(home, provider, file), `${[HEADER, ...lines].join('\n')}\n`);
  const run = (
    label: string,
    kind: 'daily' | 'monthly' = 'daily',
    more: readonly SettlementSource[] = [],
    { clock = UTC, fees = `${provider}=14`, feeRounding = 'half_up' as Rounding } = {},
  ): Promise<RunResult> =>
    reconcile({
      kind,
      label,
      settings: {
        ...clock,
        databaseUrl: server.url,
        reportsDir: join(home, 'reports'),
        lateMinutes: 60,
        fees: feesOf(fees),
        feeRounding,
      },
      sources: [new FolderSource(provider, join(home, provider)), ...more],
      onProgress: () => {},
      busyMsMax: 200,
      now: new Date('2029-06-01T00:00:00Z'),
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
      (await duePeriods(client, UTC, 3, new Date(now))).map(
        (period) => `${period.kind} ${period.label}`,
      );
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
    const late = await due('2027-12-01T03:00:00Z');
    assert.equal(late.length, 35 + 2);
    assert.deepEqual(late.slice(-2), ['monthly 2027-10', 'monthly 2027-11']);
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
    const { folder } = await run(day(2));
    const { rows } = await client.query(
      `select day::text, net_minor from settlement_batches where day in ($1, $2) order by day`,
      [day(1), day(2)],
    );
    assert.deepEqual(rows.map(Object.values), [
      [day(1), 986],
      [day(2), 986],
    ]);
    const payouts = readFileSync(join(folder, 'payouts.csv'), 'utf8');
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

  it('should count a report that is empty or unreadable as an item, and miss nothing by it', async () => {
    await book('kept', at(1, '10:00'));
    writeFileSync(join(home, provider, 'a.csv'), '');
    assert.equal((await run(day(1))).open, 1);
    for (const more of [
      { amount: '10.001' },
      { amount: 'ten' },
      { currency: 'XXY' },
      { type: 'gift' },
      { created_at: 'yesterday' },
      { created_at: `${day(1).slice(0, 5)}02-30T10:00:00Z` },
      { created_at: `${day(1)}T24:00:00Z` },
      { created_at: `${day(1)}T10:30:60Z` },
    ] as Record<string, string>[]) {
      report('a.csv', line('kept', at(1, '10:00'), more));
      const { open, isIncomplete } = await run(day(1));
      assert.deepEqual([open, isIncomplete], [1, true], JSON.stringify(more));
    }
    assert.deepEqual(await items(), ['report_failed open ']);
    report('a.csv', line('kept', at(1, '10:00')));
    assert.equal((await run(day(1))).open, 0);
    assert.deepEqual(await items(), ['report_failed healed ']);
  });

  it('should read every line ending, blank lines, small letters and a leap second', async () => {
    await book('a', at(1, '10:00'));
    await book('b', at(1, '11:00'));
    await book('c', new Date(`${day(1)}T23:59:59Z`));
    const leap = { created_at: `${day(1)}T23:59:60Z`, currency: 'usd' };
    const lines = [
      line('a', at(1, '10:00')),
      line('b', at(1, '11:00')),
      line('c', at(1, '01:00'), leap),
    ];
    writeFileSync(
      join(home, provider, 'X.CSV'),
      `\uFEFF${HEADER}\r\n${lines[0]}\n\n${lines[1]}\r${lines[2]}\r\n\r\n`,
    );
    assert.equal((await run(day(1))).open, 0);
    const { rows } = await client.query('select 1 from settled_movements where provider = $1', [
      provider,
    ]);
    assert.equal(rows.length, 3);
  });

  it('should let one bad file cost that file only, and say what is no report', async () => {
    await book('good', at(1, '10:00'));
    await book('lost', at(1, '11:00'));
    report('good.csv', line('good', at(1, '10:00')));
    writeFileSync(join(home, provider, 'twice.csv'), `${HEADER},amount\n`);
    writeFileSync(join(home, provider, 'sheet.xlsx'), 'PK');
    writeFileSync(join(home, provider, '.hidden'), '');
    writeFileSync(join(home, provider, 'coming.csv.part'), '');
    const { open, isIncomplete } = await run(day(1));
    assert.deepEqual([open, isIncomplete], [1, true]);
    assert.deepEqual(await items(), ['report_failed open ']);
    const { rows } = await client.query<{ problems: string[] }>(
      `select theirs->'problems' as problems from reconciliation_items where provider = $1`,
      [provider],
    );
    assert.equal(rows[0]!.problems.length, 2);
    assert.match(rows[0]!.problems.join(), /sheet\.xlsx: it is not a \.csv.*amount is there twice/);
    const settled = await client.query('select 1 from settled_movements where provider = $1', [
      provider,
    ]);
    assert.equal(settled.rowCount, 1);
    rmSync(join(home, provider, 'twice.csv'));
    rmSync(join(home, provider, 'sheet.xlsx'));
    assert.equal((await run(day(1))).isIncomplete, false);
    assert.deepEqual(await items(), ['report_failed healed ', 'missing_outside open lost']);
  });

  it('should not let one source that fails hold up another', async () => {
    const other = `${provider}_other`;
    await book('mine', at(1, '10:00'));
    await book('theirs', at(1, '10:00'), { provider: other });
    report('a.csv', line('mine', at(1, '10:00')));
    const { open, isIncomplete } = await run(day(1), 'daily', [
      new SimulatorSource(other, 'http://127.0.0.1:1'),
    ]);
    assert.deepEqual([open, isIncomplete], [1, true]);
    const { rows } = await client.query(
      `select provider, kind from reconciliation_items where provider = any($1)`,
      [[provider, other]],
    );
    assert.deepEqual(rows.map(Object.values), [[other, 'report_failed']]);
    const settled = await client.query('select checkout_id from settled_movements where day = $1', [
      day(1),
    ]);
    assert.deepEqual(settled.rows.map(Object.values), [[id('mine')]]);
  });

  it('should not miss the simulator where nobody uses it', async () => {
    const away = new SimulatorSource(`${provider}_sim`, 'http://127.0.0.1:1', true);
    const first = await run(day(1), 'daily', [away]);
    assert.deepEqual([first.open, first.isIncomplete], [0, false]);
    await book('used', at(2, '10:00'), { provider: `${provider}_sim` });
    const second = await run(day(1), 'daily', [away]);
    assert.deepEqual([second.open, second.isIncomplete], [1, true]);
  });

  it('should miss the source of a provider that is in the books, until it has one', async () => {
    const other = `${provider}_unnamed`;
    await book('odd', at(1, '10:00'), { provider: other });
    const first = await run(day(1));
    assert.deepEqual([first.open, first.isIncomplete], [1, true]);
    assert.deepEqual(first.counts, [{ kind: 'no_source', state: 'open', count: 1 }]);
    mkdirSync(join(home, other));
    writeFileSync(
      join(home, other, 'a.csv'),
      `${HEADER}\n${line('odd', at(1, '10:00'), { fee: '' })}\n`,
    );
    const second = await run(day(1), 'daily', [new FolderSource(other, join(home, other))]);
    assert.deepEqual([second.open, second.isIncomplete], [0, false]);
  });

  it('should try a period that failed or is incomplete again, later each time, and make up days', async () => {
    const due = async (): Promise<string[]> => {
      const labels = await duePeriods(client, UTC, 3, at(4, '04:00'));
      return labels.map(({ label }) => label).filter((label) => label >= day(1));
    };
    writeFileSync(join(home, provider, 'a.csv'), '');
    await run(day(3));
    assert.deepEqual(await due(), [day(1), day(2)]);
    const { rows } = await client.query<{ state: string; tries: number; wait: number }>(
      `select state, tries, extract(epoch from next_try_at - now())::int as wait
       from reconciliation_runs where period = $1`,
      [day(3)],
    );
    assert.equal(rows[0]!.state, 'incomplete');
    assert.ok(rows[0]!.wait > 50 && rows[0]!.wait <= 60);
    await run(day(3));
    const again = await client.query<{ wait: number }>(
      `update reconciliation_runs set next_try_at = now()
       where period = $1 returning extract(epoch from (
         select next_try_at from reconciliation_runs where period = $1) - now())::int as wait`,
      [day(3)],
    );
    assert.ok(again.rows[0]!.wait > 100, `${again.rows[0]!.wait} s`);
    assert.deepEqual(await due(), [day(1), day(2), day(3)]);
    report('a.csv');
    await run(day(3));
    assert.deepEqual(await due(), [day(1), day(2)]);
    await run(day(2));
    assert.deepEqual(await due(), [day(1)]);
    const broken = { ...UTC, timeZone: 'Nowhere/None' };
    await assert.rejects(run(day(1), 'daily', [], { clock: broken }));
  });

  it('should not take back twice what a later period refunds above what is known', async () => {
    await book('twice', at(1, '10:00'));
    const back = (name: string, when: Date, amount = '-10.00'): string =>
      line('twice', when, { type: 'refund', amount, fee: '', refund_reference: name });
    report('a.csv', line('twice', at(1, '10:00')), back('re_1', at(1, '11:00')));
    assert.equal((await run(day(1))).open, 0);
    report('b.csv', back('re_2', at(2, '11:00')));
    assert.equal((await run(day(2))).open, 1);
    await run(day(1));
    await run(day(2));
    assert.deepEqual((await items()).at(-1), 'amount_differs open twice');
    const { rows } = await client.query(
      `select movement from settled_movements where provider = $1 and kind = 'refund'`,
      [provider],
    );
    assert.deepEqual(rows.map(Object.values), [['refund:re_1']]);
  });

  it('should leave to a person what is paid out in another currency, and a fee that is not named', async () => {
    await book('abroad', at(1, '10:00'));
    await book('nofee', at(1, '11:00'));
    const head = `${HEADER},settled_currency`;
    const abroad = `${line('abroad', at(1, '10:00'), { fee: '' })},EUR`;
    const noFee = `${line('nofee', at(1, '11:00'), { fee: '' })},USD`;
    writeFileSync(join(home, provider, 'a.csv'), `${[head, abroad, noFee].join('\n')}\n`);
    assert.equal((await run(day(1))).open, 2);
    assert.deepEqual(await items(), [
      'settlement_currency_differs open abroad',
      'fee_differs open nofee',
    ]);
    const { rows } = await client.query(
      'select checkout_id from settled_movements where provider = $1',
      [provider],
    );
    assert.deepEqual(rows.map(Object.values), [[id('nofee')]]);
  });

  it('should compute agreed fees in decimals, by currency, as the rounding says', async () => {
    // 2.9 % of 10.50 and 30 more is 60.45; 1 % of 250 is 2.5.
    await book('plus', at(1, '10:00'), { amount: 1_050 });
    await book('half', at(1, '11:00'), { amount: 250, currency: 'EUR' });
    const fees = `${provider}=2.9%+30,${provider}:EUR=1%`;
    const reported = (half: string): void =>
      report(
        'a.csv',
        line('plus', at(1, '10:00'), { amount: '10.50', fee: '0.60' }),
        line('half', at(1, '11:00'), { amount: '2.50', currency: 'EUR', fee: half }),
      );
    reported('0.03');
    assert.equal((await run(day(1), 'daily', [], { fees })).open, 0);
    assert.equal((await run(day(1), 'daily', [], { fees, feeRounding: 'half_even' })).open, 1);
    reported('0.02');
    assert.equal((await run(day(1), 'daily', [], { fees, feeRounding: 'half_even' })).open, 0);
    assert.equal((await run(day(1), 'daily', [], { fees, feeRounding: 'down' })).open, 0);
    assert.equal((await run(day(1), 'daily', [], { fees })).open, 1);
  });

  it('should settle sums beyond 2^53, and write a negative net as a number', async () => {
    const most = Number.MAX_SAFE_INTEGER;
    const amount = '90071992547409.91';
    await book('big1', at(1, '10:00'), { amount: most });
    await book('big2', at(1, '11:00'), { amount: most });
    await book('=evil', at(1, '12:00'), { currency: 'EUR' });
    const of = (name: string, when: Date, more: Record<string, string> = {}): string =>
      line(name, when, { amount, fee: '0.00', ...more });
    const back = { type: 'refund', amount: '-10.00', fee: '', currency: 'EUR' };
    report(
      'a.csv',
      of('big1', at(1, '10:00')),
      of('big2', at(1, '11:00')),
      line('=evil', at(1, '12:00'), { currency: 'EUR', fee: '1.00' }),
      line('=evil', at(1, '13:00'), back),
      line('=ghost', at(1, '13:00')),
    );
    const { folder, figures } = await run(day(1), 'daily', [], { fees: 'none=0' });
    const sum = 2n * BigInt(most);
    assert.ok(figures.some((figure) => figure.currency === 'USD' && figure.amount_minor === sum));
    const payouts = readFileSync(join(folder, 'payouts.csv'), 'utf8');
    assert.match(payouts, /,180143985094819\.82,0\.00,0\.00,180143985094819\.82,to_merchant/);
    assert.match(payouts, /,10\.00,1\.00,10\.00,-1\.00,owed_by_merchant/);
    const json = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as {
      batches: { currency: string; net_minor: unknown }[];
    };
    const net = (currency: string) =>
      json.batches.find((batch) => batch.currency === currency)?.net_minor;
    assert.deepEqual([net('USD'), net('EUR')], [`${sum}`, -100]);
    assert.match(readFileSync(join(folder, 'report.md'), 'utf8'), /180143985094819\.82/);
    assert.equal(guarded('=1+1'), "'=1+1");
    assert.equal(guarded('-12.00'), '-12.00');
    assert.equal(guarded('-12.00+cmd'), "'-12.00+cmd");
  });

  it('should settle what the wallet took, out of what was paid in for it', async () => {
    const operations = `insert into wallet_operations (idempotency_key, reference, operation, merchant,
      checkout_id, name, currency, amount_minor, outcome, at) values `;
    await book('spent', at(1, '10:00'), { provider: 'wallet' });
    await book('other', at(1, '10:30'), { provider: 'wallet' });
    await client.query(
      `${operations} ($1 || '/c', 'ref-' || $1, 'charge', 'default', $1, 'w', 'USD', 1000, 'approved', $2),
        ($1 || '/r', 'wr-' || $1, 'refund', 'default', $1, 'w', 'USD', 300, 'approved', $3)`,
      [id('spent'), at(1, '10:00'), at(1, '11:00')],
    );
    const { open, counts, folder } = await run(day(1), 'daily', [new WalletSource(server.url)]);
    // The refund was not known to the payment: it is now. Of the other the wallet knows nothing.
    assert.equal(open, 1, JSON.stringify(counts));
    assert.equal((await payment('spent')).refunded_amount, 300);
    const payouts = readFileSync(join(folder, 'payouts.csv'), 'utf8');
    assert.match(payouts, /,2,10\.00,0\.00,3\.00,7\.00,to_merchant/);
    const { rows } = await client.query(
      `select account, amount_minor from ledger_entries where transaction_id = $1 order by account`,
      [`settled/default/USD/${day(1)}`],
    );
    assert.deepEqual(rows.map(Object.values), [
      ['funding:wallet', -700],
      ['transit:in:wallet', 700],
    ]);
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
    await assert.rejects(resolveItem(client, rows[0]!.id, ' ', 'ann'), { code: 'reason_missing' });
    await resolveItem(client, rows[0]!.id, 'a test charge', 'ann');
    await assert.rejects(resolveItem(client, rows[0]!.id, 'again', 'ann'), {
      code: 'item_not_open',
    });
    const { open, folder } = await run(day(1));
    assert.equal(open, 0);
    const { rows: changes } = await client.query(
      `select from_state, to_state, reason, actor from reconciliation_changes where item_id = $1
       order by id`,
      [rows[0]!.id],
    );
    assert.deepEqual(changes.map(Object.values), [
      [null, 'open', 'found', 'reconciliation'],
      ['open', 'resolved', 'a test charge', 'ann'],
    ]);
    const owner = await openConnection(server.ownerUrl);
    for (const table of ['reconciliation_changes', 'settlement_batches', 'settlement_days'])
      await assert.rejects(owner.query(`delete from ${table}`), /append-only/);
    await owner.end();
    assert.ok(existsSync(join(folder, 'report.md')));
  });

  it('should have a check of the books that fails when they are off', async () => {
    const entry = `insert into ledger_entries (transaction_id, merchant, account, currency, amount_minor)
      values ('off', 'm', 'x', 'EUR', `;
    const admin = await openConnection(server.adminUrl);
    await admin.query('set session_replication_role = replica');
    await admin.query(`${entry} 5)`);
    assert.deepEqual(await imbalance(server.url), ['EUR 5']);
    await admin.query(`${entry.replace("'x'", "'y'")} -5)`);
    await admin.end();
    await assert.rejects(client.query(`${entry.replace("'off'", "'lonely'")} 5)`), /sum to zero/);
  });
});
