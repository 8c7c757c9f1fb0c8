import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type pg from 'pg';
import { webhookReceived } from '../../engine/codec/records.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { imbalance } from '../../ops/testing/books.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { bookPayments } from '../../ops/testing/payment-fixtures.js';
import { Batcher } from '../postgres/batcher.js';
import { migrateAsOwner } from '../postgres/migrate.js';
import { openPool } from '../postgres/pool.js';
import { findPayments, type WebhookQuestion } from '../postgres/webhook-payments.js';
import { recordVerdicts, type VerdictRow } from '../postgres/webhook-results.js';
import { WebhookJudge } from '../webhooks/webhook-processor.js';
import { type RunResult, reconcile } from './run.js';
import { FolderSource } from './sources/folder-source.js';
import type { SettlementSource } from './sources/source.js';
import { type BalanceTransactions, StripeSource } from './sources/stripe-source.js';

const SOURCE = { partition: 0, offset: 0, tries: 0 };

describe('disputes in reports', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-disputes-'));
  let server: LocalPostgres;
  let pool: pg.Pool;
  let judge: WebhookJudge;
  let transactions: { created: number }[] = [];
  let month = 0;
  let serial = 0;

  before(async () => {
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(home, 'pg'), port, log: join(home, 'pg.log') });
    await migrateAsOwner(server);
    pool = openPool(server.url, 3);
    judge = new WebhookJudge({
      settings: { webhookRetryMs: 100, webhookGiveUpMs: 60_000 },
      payments: new Batcher((rows: readonly WebhookQuestion[]) => findPayments(pool, rows), 100),
      verdicts: new Batcher((rows: readonly VerdictRow[]) => recordVerdicts(pool, rows), 100),
    });
  });
  after(async () => {
    assert.deepEqual(await imbalance(server.url), []);
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(home, { recursive: true });
  });
  /** Each test has a month and ids of its own. */
  beforeEach(() => {
    month++;
    transactions = [];
  });

  const day = (n: number): string =>
    new Date(Date.UTC(2027, month - 1, n)).toISOString().slice(0, 10);
  const at = (n: number): Date => new Date(`${day(n)}T10:00:00Z`);
  const id = (name: string): string => `m${month}-${name}`;

  /** As Stripe documents them, by hand: no recording. */
  const add = (n: number, type: string, source: object, more: object): void => {
    const created = +at(n) / 1_000 + (serial++ % 1_000);
    const common = { id: `txn_${serial}`, object: 'balance_transaction', currency: 'usd', fee: 0 };
    transactions.push({ ...common, type, source, created, ...more } as { created: number });
  };
  const charge = (name: string, n: number): void =>
    add(
      n,
      'charge',
      {
        id: `ch_${id(name)}`,
        object: 'charge',
        amount: 1_000,
        currency: 'usd',
        payment_intent: `ref-${id(name)}`,
        metadata: { merchant: 'default', checkout_id: id(name) },
      },
      { reporting_category: 'charge', amount: 1_000, fee: 14 },
    );
  const disputeOf = (name: string, amount = 1_000) => ({
    id: `du_${id(name)}`,
    object: 'dispute',
    amount,
    currency: 'usd',
    charge: `ch_${id(name)}`,
    payment_intent: `ref-${id(name)}`,
    metadata: {},
  });
  const withdrawn = (name: string, n: number, amount = 1_000, more: object = {}): void =>
    add(n, 'adjustment', disputeOf(name, amount), {
      reporting_category: 'dispute',
      amount: -amount,
      fee: 1_500,
      ...more,
    });
  const reinstated = (name: string, n: number, amount = 1_000): void =>
    add(n, 'adjustment', disputeOf(name), { reporting_category: 'dispute_reversal', amount });
  const paid = async (name: string, provider = 'stripe'): Promise<void> => {
    const payment = { id: id(name), amount: 1_000, currency: 'USD', at: at(1), provider };
    const client = await pool.connect();
    await bookPayments(client, [payment]);
    client.release();
    if (provider === 'stripe') charge(name, 1);
  };
  const receive = async (name: string, provider: string, event: object): Promise<void> => {
    const body = Buffer.from(JSON.stringify(event));
    const value = webhookReceived.encode({
      provider,
      event_id: `evt_${serial++}`,
      shard: 0,
      received_at: Date.now(),
      merchant: 'default',
      checkout_id: id(name),
      body,
    });
    const result = await judge.received(value, SOURCE);
    assert.equal(result.kind, 'done', JSON.stringify(result));
  };
  /** By webhook. */
  const told = (name: string, status: string, event = 'created'): Promise<void> =>
    receive(name, 'stripe', {
      type: `charge.dispute.${event}`,
      data: { object: { ...disputeOf(name), status } },
    });

  const list = (params: { created: { gte: number; lt: number } }) =>
    (async function* () {
      const { gte, lt } = params.created;
      yield* transactions.filter(({ created }) => created >= gte && created < lt);
    })();
  const stripe = new StripeSource({ list } as unknown as BalanceTransactions);
  const run = (label: string, source: SettlementSource = stripe): Promise<RunResult> =>
    reconcile({
      kind: label.length === 7 ? 'monthly' : 'daily',
      label,
      settings: {
        timeZone: 'UTC',
        cutoffHour: 0,
        databaseUrl: server.url,
        reportsDir: join(home, 'reports'),
        lateMinutes: 60,
        fees: [],
        feeRounding: 'half_up',
      },
      sources: [source],
      onProgress: () => {},
      busyMsMax: 200,
      now: new Date('2029-06-01T00:00:00Z'),
    });
  const items = async (): Promise<string[]> => {
    const { rows } = await pool.query<{ item: string }>(
      `select kind || ' ' || state || ' ' || subject as item from reconciliation_items
       where subject like $1 order by id`,
      [`%m${month}-%`],
    );
    return rows.map((row) => row.item.replaceAll(`m${month}-`, ''));
  };
  const disputed = async (name: string): Promise<unknown[]> => {
    const { rows } = await pool.query(
      `select disputed_amount, (select coalesce(sum(amount_minor), 0)::int from ledger_entries e
         where e.checkout_id = p.checkout_id and account = 'disputed:default') as booked
       from payments p where checkout_id = $1`,
      [id(name)],
    );
    return Object.values(rows[0] as object);
  };
  const batch = async (n: number): Promise<unknown[]> => {
    const { rows } = await pool.query(
      `select gross_minor, fees_minor, refunds_minor, disputes_minor, net_minor
       from settlement_batches where day = $1`,
      [day(n)],
    );
    return rows.flatMap((row) => Object.values(row as object));
  };
  /** What the settlement of a day booked. */
  const posted = async (n: number): Promise<object> => {
    const { rows } = await pool.query<{ account: string; amount: number }>(
      `select account, sum(amount_minor)::int as amount from ledger_entries
       where transaction_id like '%/' || $1 group by account having sum(amount_minor) <> 0`,
      [day(n)],
    );
    return Object.fromEntries(rows.map((row) => [row.account, row.amount]));
  };

  it('should take a chargeback and its fee off the payout, and give it back when it is won', async () => {
    await paid('known');
    await told('known', 'needs_response');
    await told('known', 'needs_response', 'funds_withdrawn');
    withdrawn('known', 2);
    assert.equal((await run(day(1))).open, 0);
    assert.equal((await run(day(2))).open, 0);
    assert.deepEqual(await batch(2), [0, 1_500, 0, 1_000, -2_500]);
    assert.deepEqual(await posted(2), {
      'transit:in:stripe': -2_500,
      'provider:stripe': 1_000,
      'disputed:default': -1_000,
      'transit:out:default': 2_500,
    });
    await told('known', 'won', 'closed');
    reinstated('known', 5);
    assert.equal((await run(day(5))).open, 0);
    await run(day(2));
    assert.deepEqual(await batch(5), [0, 0, 0, -1_000, 1_000]);
    assert.equal((await run(day(1).slice(0, 7))).open, 0);
    assert.deepEqual(await disputed('known'), [0, 0]);
    assert.deepEqual(await items(), []);
  });

  it('should take the report for evidence of a dispute that no webhook named, and book it once', async () => {
    await paid('unheard');
    withdrawn('unheard', 2);
    assert.equal((await run(day(2))).open, 0);
    assert.deepEqual(await items(), ['missing_inside healed dispute:du_unheard']);
    assert.deepEqual(await disputed('unheard'), [1_000, 1_000]);
    await told('unheard', 'needs_response');
    await run(day(2));
    assert.deepEqual(await disputed('unheard'), [1_000, 1_000]);
    assert.deepEqual(await batch(2), [0, 1_500, 0, 1_000, -2_500]);
    reinstated('unheard', 3);
    await run(day(3));
    await told('unheard', 'won', 'closed');
    assert.deepEqual(await disputed('unheard'), [0, 0]);
    assert.deepEqual((await items()).slice(1), [
      'missing_inside healed dispute:du_unheard/reinstated',
    ]);
  });

  it('should agree in any order of days and webhooks', async () => {
    await paid('won');
    withdrawn('won', 2);
    reinstated('won', 6);
    await told('won', 'won', 'closed');
    assert.equal((await run(day(6))).open, 1);
    assert.deepEqual(await items(), ['missing_outside open disputed:default/won']);
    assert.equal((await run(day(2))).open, 0);
    assert.deepEqual(await items(), ['missing_outside healed disputed:default/won']);
    assert.deepEqual(await batch(2), [0, 1_500, 0, 1_000, -2_500]);
    assert.deepEqual(await batch(6), [0, 0, 0, -1_000, 1_000]);
    await paid('both');
    withdrawn('both', 8);
    reinstated('both', 8);
    assert.equal((await run(day(8))).open, 0);
    assert.deepEqual(await disputed('both'), [0, 0]);
    assert.deepEqual(await batch(8), [0, 1_500, 0, 0, -1_500]);
  });

  it('should leave to a person what does not agree, and settle none of it', async () => {
    for (const name of ['other', 'much', 'abroad', 'part']) await paid(name);
    await told('other', 'needs_response');
    withdrawn('other', 2, 900);
    withdrawn('much', 2, 1_001);
    withdrawn('abroad', 2, 1_000, { currency: 'eur', amount: -920, fee: 1_400 });
    withdrawn('stranger', 2);
    withdrawn('part', 2);
    withdrawn('part', 2);
    reinstated('part', 2, 400);
    assert.equal((await run(day(2))).open, 6);
    assert.deepEqual((await items()).sort(), [
      'amount_differs open dispute:du_much',
      'amount_differs open dispute:du_other',
      'amount_differs open dispute:du_part/reinstated',
      'duplicate_outside open dispute:du_part#2',
      'missing_inside healed dispute:du_part',
      'missing_inside open dispute:du_stranger',
      'settlement_currency_differs open dispute:du_abroad',
    ]);
    assert.deepEqual(await disputed('other'), [1_000, 1_000]);
    assert.deepEqual(await disputed('much'), [0, 0]);
    assert.deepEqual(await batch(2), [0, 1_500, 0, 1_000, -2_500]);
  });

  it('should find what is booked and not reported, until it is', async () => {
    await paid('silent');
    await pool.query(
      `with p as (update payments set disputed_amount = 700, updated_at = $2
         where checkout_id = $1)
       insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency,
         amount_minor, at)
       values ('dispute/default/' || $1 || '/3', 'default', $1, 'provider:stripe', 'USD', -700, $2),
         ('dispute/default/' || $1 || '/3', 'default', $1, 'disputed:default', 'USD', 700, $2)`,
      [id('silent'), at(2)],
    );
    assert.equal((await run(day(1))).open, 0);
    assert.equal((await run(day(2))).open, 1);
    await run(day(3));
    assert.deepEqual(await items(), ['missing_outside open disputed:default/silent']);
    withdrawn('silent', 4, 700);
    await run(day(4));
    assert.deepEqual(await items(), ['missing_outside healed disputed:default/silent']);
    assert.deepEqual(await disputed('silent'), [700, 700]);
  });

  it('should book nothing more where webhooks name sums and the report each dispute', async () => {
    await paid('sums', 'simulator');
    const sum = (amount: number) => {
      const data = { status: 'disputed', reference: `ref-${id('sums')}`, amount, currency: 'USD' };
      return receive('sums', 'simulator', { type: 'charge.disputed', data });
    };
    const folder = join(home, `simulator-${month}`);
    mkdirSync(folder);
    const report = (name: string, type: string, amount: string, n: number, dispute = '') =>
      writeFileSync(
        join(folder, `${name}.csv`),
        `reference,type,amount,currency,fee,dispute_reference,created_at
ref-${id('sums')},${type},${amount},USD,0.00,${dispute},${at(n).toISOString()}\n`,
      );
    const source = new FolderSource('simulator', folder);
    report('a', 'charge', '10.00', 1);
    await sum(500);
    report('b', 'dispute', '-5.00', 2, id('dp_1'));
    await sum(900);
    report('c', 'dispute', '-4.00', 3, id('dp_2'));
    for (const n of [3, 2, 1]) await run(day(n), source);
    assert.deepEqual(await disputed('sums'), [900, 900]);
    assert.deepEqual(await batch(3), [0, 0, 0, 400, -400]);
    // Unknown until the report names it; a webhook with the sum follows.
    report('d', 'dispute', '-1.00', 4, id('dp_3'));
    await run(day(4), source);
    await sum(1_000);
    assert.deepEqual(await disputed('sums'), [1_000, 1_000]);
    assert.equal((await run(day(1).slice(0, 7), source)).open, 0);
  });
});
