import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { webhookReceived } from '../../engine/codec/records.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { Batcher } from '../postgres/batcher.js';
import { insertIntents } from '../postgres/intents.js';
import { migrateAsOwner } from '../postgres/migrate.js';
import { openPool } from '../postgres/pool.js';
import { findPayments, type WebhookQuestion } from '../postgres/webhook-payments.js';
import { recordVerdicts, type VerdictRow } from '../postgres/webhook-results.js';
import { claimWebhooks, endWait } from '../postgres/webhook-waits.js';
import { WebhookJudge } from './webhook-processor.js';

const GIVE_UP_MS = 60_000;
const CAPTURED = { status: 'captured', amount: 1999, currency: 'USD' };

describe('judging webhooks against Postgres', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-judge-'));
  let server: LocalPostgres;
  let pool: pg.Pool;
  let judge: WebhookJudge;
  let events = 0;

  before(async () => {
    chmodSync(dir, 0o755);
    const [port] = await freePorts(1);
    server = await startPostgres({ dir: join(dir, 'pg'), port: port!, log: join(dir, 'pg.log') });
    await migrateAsOwner(server);
    pool = openPool(server.url, 5);
    judge = openJudge();
  });
  after(async () => {
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
  });

  /** What one worker has: batches of its own. */
  const openJudge = (): WebhookJudge =>
    new WebhookJudge({
      settings: { webhookRetryMs: 100, webhookGiveUpMs: GIVE_UP_MS },
      payments: new Batcher((rows: readonly WebhookQuestion[]) => findPayments(pool, rows), 100),
      verdicts: new Batcher((rows: readonly VerdictRow[]) => recordVerdicts(pool, rows), 100),
    });

  /** An intent whose call has not returned. */
  const pay = (id: string) =>
    insertIntents(pool, [
      {
        key: `default/${id}`,
        merchant: 'default',
        checkout_id: id,
        shard: 0,
        fingerprint: 'aa'.repeat(32),
        amount: 1999,
        currency: 'USD',
        payment_method: 'pm_card_visa',
        asked: 'auto',
        provider: 'simulator',
        is_sent: true,
        idempotency_key: `default/${id}/charge/1`,
        accepted_ms: Date.now(),
        status: 'processing',
        reason: 'charge_started',
        failure_code: null,
        ask_after_ms: 60_000,
        republish: false,
      },
    ]);
  const encoded = (id: string, data: object, changes: object = {}): Buffer => {
    const event = { type: 'charge.test', data: { reference: `ch_${id}`, ...data } };
    return webhookReceived.encode({
      provider: 'simulator',
      event_id: `evt_${events++}`,
      shard: 0,
      received_at: Date.now(),
      merchant: 'default',
      checkout_id: id,
      body: Buffer.from(JSON.stringify(event)),
      ...changes,
    });
  };
  const source = { partition: 3, offset: 7, tries: 0 };
  const receive = async (id: string, data: object, changes: object = {}): Promise<string> => {
    const result = await judge.received(encoded(id, data, changes), source);
    return result.kind === 'done' ? result.outcome : `dead ${result.reason}`;
  };
  const payment = async (id: string) => {
    const { rows } = await pool.query(
      `select p.status, p.version, p.provider_reference as reference, p.failure_code as code,
        p.refunded_amount as refunded, p.disputed_amount as disputed, p.next_ask_at,
        (select string_agg(e.reason || ' by ' || e.source, ', ' order by e.version)
          from payment_events e where e.checkout_id = p.checkout_id) as history,
        (select json_object_agg(account, total) from (select account, sum(amount_minor) as total
          from ledger_entries l where l.checkout_id = p.checkout_id group by 1) s) as ledger
       from payments p where checkout_id = $1`,
      [id],
    );
    return rows[0];
  };

  it('should finish a payment whose own call has not returned, once for copies at many workers', async () => {
    await pay('early');
    const value = encoded('early', CAPTURED);
    const copies = Array.from({ length: 20 }, () => openJudge().received(value, source));
    const outcomes = (await Promise.all(copies)).map(
      (result) => result.kind === 'done' && result.outcome,
    );
    assert.equal(outcomes.filter((outcome) => outcome === 'webhook_succeeded').length, 1);
    assert.equal(outcomes.filter((outcome) => outcome === 'webhook_repeat').length, 19);
    const row = await payment('early');
    assert.deepEqual([row.status, row.version, row.reference], ['succeeded', 2, 'ch_early']);
    assert.equal(row.next_ask_at, null);
    assert.equal(row.history, 'charge_started by processor, charge.test by webhook');
    assert.deepEqual(row.ledger, { 'provider:simulator': 1999, 'merchant:default': -1999 });
  });

  it('should never undo a terminal status', async () => {
    await pay('end');
    assert.equal(
      await receive('end', { ...CAPTURED, status: 'declined', failure_code: 'no' }),
      'webhook_failed',
    );
    for (const status of ['captured', 'authorized', 'canceled'])
      assert.equal(await receive('end', { ...CAPTURED, status }), 'webhook_terminal');
    const row = await payment('end');
    assert.deepEqual([row.status, row.code, row.version], ['failed', 'no', 2]);
    assert.equal(row.ledger, null);
  });

  it('should have the provider asked about a capture that the status does not allow, once', async () => {
    const suspects = async (id: string): Promise<string[]> => {
      const { rows } = await pool.query<{ reference: string; state: string }>(
        'select reference, state from late_captures where checkout_id = $1',
        [id],
      );
      return rows.map((row) => `${row.reference} ${row.state}`);
    };
    await pay('late');
    await receive('late', { ...CAPTURED, status: 'declined' });
    for (let i = 0; i < 3; i++) assert.equal(await receive('late', CAPTURED), 'webhook_terminal');
    assert.deepEqual(await suspects('late'), ['ch_late suspected']);
    await pool.query(`update late_captures set state = 'unfounded', next_try_at = null`);
    await receive('late', CAPTURED);
    assert.deepEqual(await suspects('late'), ['ch_late suspected']);
    await pool.query(`update late_captures set state = 'reversed', next_try_at = null`);
    for (const status of ['captured', 'refunded'])
      assert.equal(await receive('late', { ...CAPTURED, status }), 'webhook_late_capture');
    assert.deepEqual(await suspects('late'), ['ch_late reversed']);

    await pay('paid');
    await receive('paid', CAPTURED);
    await receive('paid', CAPTURED);
    assert.deepEqual(await suspects('paid'), []);
    await receive('paid', { ...CAPTURED, reference: 'ch_second' });
    assert.deepEqual(await suspects('paid'), ['ch_second suspected']);
  });

  it('should not believe another amount, currency, charge or provider, and say so', async () => {
    await pay('liar');
    assert.equal(await receive('liar', { ...CAPTURED, amount: 1 }), 'dead webhook_other_amount');
    assert.equal(
      await receive('liar', { ...CAPTURED, currency: 'EUR' }),
      'dead webhook_other_amount',
    );
    await pool.query(
      `update payments set provider_reference = 'ch_ours' where checkout_id = 'liar'`,
    );
    assert.equal(await receive('liar', CAPTURED), 'dead webhook_other_reference');
    await pool.query(`update payments set provider = 'stripe' where checkout_id = 'liar'`);
    assert.equal(await receive('liar', CAPTURED), 'dead webhook_other_provider');
    assert.equal((await payment('liar')).version, 1);
    assert.equal(await receive('liar', { status: 'captured' }), 'dead malformed_webhook');
    assert.equal(await receive('liar', { ...CAPTURED, status: 'funny' }), 'webhook_other');
  });

  it('should record disputes and refunds beside the status, each part once', async () => {
    await pay('back');
    assert.equal(
      await receive('back', { ...CAPTURED, status: 'disputed', amount: 500 }),
      'webhook_waiting',
    );
    await receive('back', CAPTURED);
    for (const amount of [500, 500, 700])
      await receive('back', { ...CAPTURED, status: 'disputed', amount });
    await receive('back', { ...CAPTURED, status: 'refunded', amount: 999 });
    const row = await payment('back');
    assert.deepEqual([row.status, row.disputed, row.refunded], ['succeeded', 700, 999]);
    assert.deepEqual(row.ledger, {
      'provider:simulator': 300,
      'merchant:default': -1000,
      'disputed:default': 700,
    });
    assert.equal(row.version, 5);
  });

  it('should keep what came too early, judge it again, and give it up as a dead letter', async () => {
    await pool.query('update webhook_events set next_try_at = null where next_try_at is not null');
    assert.equal(await receive('nobody', CAPTURED), 'webhook_waiting');
    await receive('somebody', CAPTURED);
    await pay('somebody');
    await new Promise((done) => setTimeout(done, 150));
    const claims = await Promise.all([
      claimWebhooks(pool, 10, 60_000),
      claimWebhooks(pool, 10, 60_000),
    ]);
    const waiting = claims.flat();
    assert.deepEqual(waiting.map((webhook) => webhook.key).sort(), [
      'default/nobody',
      'default/somebody',
    ]);
    for (const { record, partition, offset, tries } of waiting) {
      assert.deepEqual([partition, offset, tries], [3, 7, 1]);
      await judge.received(record, { partition, offset, tries });
    }
    assert.equal((await payment('somebody')).status, 'succeeded');
    const old = encoded('nobody', CAPTURED, {});
    const result = await judge.received(old, { ...source, tries: 10 });
    assert.ok(result.kind === 'dead' && result.reason === 'unknown_payment');
    await endWait(
      pool,
      waiting.find((webhook) => webhook.key === 'default/nobody')!,
      result.reason,
    );
    const { rows } = await pool.query(
      `select checkout_id, state, next_try_at, record from webhook_events
       where checkout_id in ('nobody', 'somebody') order by 1`,
    );
    assert.deepEqual(rows, [
      { checkout_id: 'nobody', state: 'dead', next_try_at: null, record: null },
      { checkout_id: 'somebody', state: 'applied', next_try_at: null, record: null },
    ]);
  });

  it("should find a payment by the provider's reference when the event has no name of ours", async () => {
    await pay('nameless');
    await pool.query(
      `update payments set provider_reference = 'ch_x' where checkout_id = 'nameless'`,
    );
    const data = { ...CAPTURED, reference: 'ch_x' };
    assert.equal(
      await receive('', data, { merchant: null, checkout_id: null }),
      'webhook_succeeded',
    );
  });

  it('should read Stripe events by PaymentIntent', async () => {
    await pay('stripe');
    await pool.query(
      `update payments set provider = 'stripe', provider_reference = 'pi_1' where checkout_id = 'stripe'`,
    );
    const event = (type: string, object: object): Promise<string> =>
      receive(
        '',
        {},
        {
          provider: 'stripe',
          merchant: null,
          checkout_id: null,
          body: Buffer.from(JSON.stringify({ type, data: { object } })),
        },
      );
    const intent = { id: 'pi_1', amount: 1999, currency: 'usd' };
    assert.equal(await event('payment_intent.created', intent), 'webhook_other');
    assert.equal(await event('payment_intent.requires_action', intent), 'webhook_other');
    assert.equal(await event('payment_intent.succeeded', intent), 'webhook_succeeded');
    const dispute = { id: 'dp_1', payment_intent: 'pi_1', amount: 100, currency: 'usd' };
    assert.equal(await event('charge.dispute.created', dispute), 'webhook_charge_dispute_created');
    assert.equal((await payment('stripe')).disputed, 100);
  });

  it('should follow refunds and disputes of Stripe over their life, and book each change', async () => {
    await pay('life');
    await pool.query(
      `update payments set provider = 'stripe', provider_reference = 'pi_life' where checkout_id = 'life'`,
    );
    const event = (type: string, object: object): Promise<string> => {
      const body = { type, data: { object: { currency: 'usd', ...object } } };
      const ids = { provider: 'stripe', merchant: null, checkout_id: null };
      return receive('', {}, { ...ids, body: Buffer.from(JSON.stringify(body)) });
    };
    const sums = async () => {
      const { refunded, disputed, ledger } = await payment('life');
      return [refunded, disputed, ledger['merchant:default'], ledger['disputed:default'] ?? 0];
    };
    await event('payment_intent.succeeded', { id: 'pi_life', amount: 1999 });

    const refund = (id: string, amount: number, status: string) => ({
      ...{ id, amount, status, payment_intent: 'pi_life' },
    });
    await event('charge.refunded', { id: 'ch_1', payment_intent: 'pi_life', amount_refunded: 999 });
    assert.equal(
      await event('refund.created', refund('re_life_1', 999, 'pending')),
      'webhook_same_total',
    );
    assert.equal(
      await event('refund.updated', refund('re_life_1', 999, 'succeeded')),
      'webhook_repeat',
    );
    assert.deepEqual(await sums(), [999, 0, -1000, 0]);
    assert.equal(
      await event('refund.failed', refund('re_life_1', 999, 'failed')),
      'webhook_refund_failed',
    );
    assert.deepEqual(await sums(), [0, 0, -1999, 0]);
    // The first event once more, late: the refund stays failed.
    await event('charge.refunded', { id: 'ch_1', payment_intent: 'pi_life', amount_refunded: 999 });
    await event('refund.created', refund('re_life_2', 400, 'succeeded'));
    assert.deepEqual(await sums(), [400, 0, -1599, 0]);

    const dispute = (id: string, amount: number, status: string) => ({
      ...{ id, amount, status, payment_intent: 'pi_life' },
    });
    await event('charge.dispute.created', dispute('dp_life_1', 500, 'needs_response'));
    await event('charge.dispute.created', dispute('dp_life_2', 300, 'warning_needs_response'));
    assert.deepEqual(await sums(), [400, 500, -1599, 500]);
    await event('charge.dispute.created', dispute('dp_life_3', 200, 'needs_response'));
    assert.deepEqual(await sums(), [400, 700, -1599, 700]);
    await event('charge.dispute.closed', dispute('dp_life_1', 500, 'won'));
    await event('charge.dispute.funds_reinstated', dispute('dp_life_1', 500, 'won'));
    await event('charge.dispute.updated', dispute('dp_life_1', 500, 'under_review'));
    await event('charge.dispute.closed', dispute('dp_life_3', 200, 'lost'));
    assert.deepEqual(await sums(), [400, 200, -1599, 200]);
    assert.equal((await payment('life')).status, 'succeeded');
  });
});
