import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { processorConfig, simulatorConfig } from '../../engine/config/config.js';
import { createLogger } from '../../engine/util/log.js';
import { type Simulator, startSimulator } from '../../ops/fakes/simulator/index.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { deadAmong, redrivePayments } from '../postgres/dead-payments.js';
import { insertIntents } from '../postgres/intents.js';
import {
  claimLateCaptures,
  confirmLateCapture,
  type LateCapture,
  suspectLateCapture,
} from '../postgres/late-captures.js';
import { migrateAsOwner } from '../postgres/migrate.js';
import { openPool } from '../postgres/pool.js';
import { chargeKey, type Psp } from '../psp/port.js';
import { SimulatorPsp } from '../psp/simulator/simulator-psp.js';
import type { TaskResult } from '../tasks.js';
import { LateCaptures } from './late-captures.js';
import { Gate } from './provider-guard.js';

const AMOUNT = 1_999;
/** Nothing waits longer in these tests: a claim that dies comes up again at once. */
const LEASE_MS = 0;

describe('captures after the end of their payment', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-late-'));
  let server: LocalPostgres;
  let pool: pg.Pool;
  let simulator: Simulator;
  let url: string;
  let psp: SimulatorPsp;

  before(async () => {
    chmodSync(dir, 0o755);
    const [port, simulatorPort] = (await freePorts(2)) as [number, number];
    mkdirSync(join(dir, 'simulator'));
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
    await migrateAsOwner(server);
    pool = openPool(server.url, 5);
    const settings = {
      TOLLGATE_SIMULATOR_PORT: `${simulatorPort}`,
      TOLLGATE_SIMULATOR_DIR: join(dir, 'simulator'),
      TOLLGATE_WEBHOOK_URL: 'http://127.0.0.1:9/nobody',
    };
    simulator = await startSimulator(simulatorConfig(settings), createLogger('test', 'error'));
    url = `http://127.0.0.1:${simulatorPort}`;
    psp = new SimulatorPsp('simulator', url, processorConfig({}));
  });
  after(async () => {
    await psp.close();
    await simulator.close();
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
  });

  const open = (provider: Psp): LateCaptures => {
    const parts = { callsMax: 4, breakerCallsMin: 1_000, breakerOpenMs: 1_000, onChange: () => {} };
    return new LateCaptures({
      pool,
      psps: new Map([['simulator', provider]]),
      gates: new Map([['simulator', new Gate(parts)]]),
      pspTimeoutMs: 200,
    });
  };

  /** A payment that reads `status`, and a charge of it at the provider. @returns its reference */
  const pay = async (id: string, method: string, status: string, paidBy?: string) => {
    const charge = {
      merchant: 'default',
      checkoutId: id,
      idempotencyKey: chargeKey('default', id, 1),
      amountMinor: AMOUNT,
      currency: 'USD',
      paymentMethod: method,
    };
    const { reference } = await psp.charge(charge);
    await insertIntents(pool, [
      {
        ...{ key: `default/${id}`, merchant: 'default', checkout_id: id, shard: 0 },
        ...{ fingerprint: 'aa'.repeat(32), amount: AMOUNT, currency: 'USD', asked: 'auto' },
        ...{
          payment_method: method,
          provider: 'simulator',
          is_sent: true,
          accepted_ms: Date.now(),
        },
        ...{ idempotency_key: charge.idempotencyKey, status: 'processing', failure_code: null },
        ...{ reason: 'charge_started', ask_after_ms: 60_000, republish: false },
      },
    ]);
    await pool.query(
      `update payments set status = $2, provider_reference = $3, next_ask_at = null
       where checkout_id = $1`,
      [id, status, paidBy ?? reference],
    );
    return reference!;
  };

  const suspect = (id: string, reference: string) =>
    suspectLateCapture(pool, {
      provider: 'simulator',
      reference,
      merchant: 'default',
      checkout_id: id,
    });

  const claim = async (reference: string): Promise<LateCapture | undefined> => {
    await pool.query(
      'update late_captures set next_try_at = now() where reference = $1 and next_try_at is not null',
      [reference],
    );
    const due = await claimLateCaptures(pool, 100, LEASE_MS);
    return due.find((capture) => capture.reference === reference);
  };

  /** What the task runner does: the letter, then the mark. */
  const mark = async (result: TaskResult, isReversed = true): Promise<string> => {
    if (result.kind !== 'dead') return result.kind === 'done' ? result.outcome : result.kind;
    const { detail, attempts } = result;
    const { lateCapture } = result.payment!;
    await confirmLateCapture(pool, { ...lateCapture!, isReversed, detail, attempts });
    return result.reason;
  };

  const step = async (reference: string, late = open(psp)): Promise<string> => {
    const claimed = await claim(reference);
    return claimed ? mark(await late.step(claimed)) : 'not due';
  };

  const booksOf = async (id: string) => {
    const { rows } = await pool.query(
      `select p.status, p.refunded_amount as refunded, p.dead_reason as dead,
        (select string_agg(e.reason, ', ' order by e.version) from payment_events e
          where e.checkout_id = p.checkout_id) as history,
        (select json_object_agg(transaction_id, total order by transaction_id) from (
          select split_part(transaction_id, '/', 1) as transaction_id, sum(amount_minor) as total
          from ledger_entries l where l.checkout_id = p.checkout_id and account like 'provider:%'
          group by 1) s) as ledger
       from payments p where checkout_id = $1`,
      [id],
    );
    return rows[0];
  };
  const refundsOf = async (id: string): Promise<number> => {
    const page = await (await fetch(`${url}/ledger?checkout_id=${id}`)).json();
    const { charges } = page as { charges: { refunded_amount: number }[] };
    return charges.reduce((sum, charge) => sum + charge.refunded_amount, 0);
  };
  const isDead = async (id: string) =>
    (await deadAmong(pool, [{ merchant: 'default', checkout_id: id }])).size === 1;

  it('should be confirmed, booked and reversed once; the status stays', async () => {
    const reference = await pay('declined', 'pm_card_visa', 'failed');
    assert.equal(await suspect('declined', reference), true);
    assert.equal(await suspect('declined', reference), false, 'known');
    assert.equal(await step(reference), 'captured_after_end');
    assert.ok(await isDead('declined'));
    assert.equal((await booksOf('declined')).refunded, 0);
    assert.equal(await step(reference), 'late_capture_reversed');
    assert.deepEqual(await booksOf('declined'), {
      status: 'failed',
      refunded: AMOUNT,
      dead: null,
      history: 'charge_started, captured_after_end, captured_after_end_reversed',
      ledger: { late_charge: AMOUNT, late_refund: -AMOUNT },
    });
    assert.equal(await isDead('declined'), false);
    assert.equal(await refundsOf('declined'), AMOUNT);
    assert.equal(await step(reference), 'not due');
  });

  it('should leave alone what a webhook only claims', async () => {
    for (const [id, method] of [
      ['claimed', 'pm_card_declined'],
      ['other', 'pm_card_visa'],
    ] as const) {
      const reference = await pay(id, method, 'failed');
      const named = id === 'other' ? 'ch_nobody' : reference;
      await suspect(id, named);
      assert.equal(await step(named), 'late_capture_unfounded');
      const { ledger, dead, refunded } = await booksOf(id);
      assert.deepEqual([ledger, dead, refunded], [null, null, 0]);
    }
  });

  it('should not take the charge of another payment for one of this', async () => {
    const theirs = await pay('theirs', 'pm_card_visa', 'succeeded');
    await pay('mine', 'pm_card_declined', 'failed');
    await suspect('mine', theirs);
    assert.equal(await step(theirs), 'late_capture_waits', 'an answer about another payment');
    assert.equal(await refundsOf('theirs'), 0);
  });

  it('should not suspect the charge that paid, and reverse the second of one payment', async () => {
    const reference = await pay('twice', 'pm_card_visa', 'succeeded');
    assert.equal(await suspect('twice', reference), false);
    await pool.query(
      `update payments set provider_reference = 'ch_first' where checkout_id = 'twice'`,
    );
    assert.equal(await suspect('twice', reference), true);
    await step(reference);
    assert.equal(await step(reference), 'late_capture_reversed');
    const { status, refunded, ledger } = await booksOf('twice');
    assert.deepEqual([status, refunded], ['succeeded', 0], 'the payment itself stays paid');
    assert.deepEqual(ledger, { late_charge: AMOUNT, late_refund: -AMOUNT });
  });

  for (const point of ['before the refund', 'after the refund'] as const)
    it(`should refund once when its process dies ${point}`, async () => {
      const id = `dies-${point.split(' ')[0]}`;
      const reference = await pay(id, 'pm_card_visa', 'canceled');
      await suspect(id, reference);
      await step(reference);
      const dying = Object.create(psp) as SimulatorPsp;
      dying.refund = async (request) => {
        if (point === 'after the refund') await psp.refund(request);
        throw new Error('the process dies');
      };
      await assert.rejects(step(reference, open(dying)));
      for (let i = 0; i < 3; i++) await step(reference);
      if (point === 'before the refund') {
        assert.equal(await refundsOf(id), 0, 'not before its absence is proven');
        await pool.query(
          `update late_captures set sent_at = now() - interval '1 minute' where reference = $1`,
          [reference],
        );
        await step(reference);
      }
      assert.equal(await refundsOf(id), AMOUNT);
      const { refunded, dead, ledger } = await booksOf(id);
      assert.deepEqual([refunded, dead], [AMOUNT, null]);
      assert.deepEqual(ledger, { late_charge: AMOUNT, late_refund: -AMOUNT });
    });

  it('should confirm once when its process dies between the letter and the mark', async () => {
    const reference = await pay('letter', 'pm_card_visa', 'failed');
    await suspect('letter', reference);
    const late = open(psp);
    const letters = [
      await late.step((await claim(reference))!),
      await late.step((await claim(reference))!),
    ];
    assert.deepEqual(
      letters.map((letter) => letter.kind),
      ['dead', 'dead'],
      'the letter is written again',
    );
    for (const letter of letters) await mark(letter);
    const { ledger, history } = await booksOf('letter');
    assert.deepEqual(ledger, { late_charge: AMOUNT });
    assert.equal(history, 'charge_started, captured_after_end');
  });

  it('should only be shown when reversing is switched off, until a person redrives it', async () => {
    const reference = await pay('off', 'pm_card_visa', 'failed');
    await suspect('off', reference);
    await mark(await open(psp).step((await claim(reference))!), false);
    assert.equal(await step(reference), 'not due');
    assert.ok(await isDead('off'));
    const freed = await redrivePayments(pool, [{ merchant: 'default', checkout_id: 'off' }]);
    assert.deepEqual([...freed], ['default/off']);
    assert.equal(await step(reference), 'late_capture_reversed');
    assert.equal(await refundsOf('off'), AMOUNT);
  });

  it('should stay a dead letter when the refund is refused', async () => {
    const reference = await pay('refused', 'pm_card_visa', 'failed');
    await psp.refund({
      ...{ merchant: 'default', checkoutId: 'refused', currency: 'USD', reference },
      ...{ idempotencyKey: 'by-hand', amountMinor: 1 },
    });
    await suspect('refused', reference);
    await step(reference);
    assert.equal(await step(reference), 'late_capture_not_reversed');
    assert.ok(await isDead('refused'));
    assert.equal(await step(reference), 'not due');
  });

  it('should wait while its provider is down', async () => {
    const reference = await pay('down', 'pm_card_visa', 'failed');
    await suspect('down', reference);
    const faults = (isDown: boolean) =>
      fetch(`${url}/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ down: isDown }),
      });
    await faults(true);
    assert.equal(await step(reference), 'late_capture_waits');
    await faults(false);
    await sleep(1);
    assert.equal(await step(reference), 'captured_after_end');
  });
});
