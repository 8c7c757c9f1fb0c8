import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { type LocalPostgres, startPostgres } from '../../../ops/local/postgres.js';
import { freePorts } from '../../../ops/testing/engine-process.js';
import { migrateAsOwner } from '../../postgres/migrate.js';
import { openPool } from '../../postgres/pool.js';
import { type ChargeRequest, chargeKey, commandKey, type PspAnswer } from '../port.js';
import { creditWallet, readWallets } from './operations.js';
import { WalletPsp } from './wallet-psp.js';

const PROCESSES = 4;

function payment(id: string, wallet: string, changes: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    merchant: 'default',
    checkoutId: id,
    idempotencyKey: chargeKey('default', id, 1),
    amountMinor: 100,
    currency: 'USD',
    paymentMethod: `wallet_${wallet}`,
    ...changes,
  };
}

describe('the wallet', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-wallet-'));
  let server: LocalPostgres;
  let pool: pg.Pool;
  /** As many as there are workers: no memory is shared between them. */
  let psps: WalletPsp[];

  before(async () => {
    chmodSync(dir, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
    await migrateAsOwner(server);
    pool = openPool(server.url, 4);
    psps = Array.from(
      { length: PROCESSES },
      () => new WalletPsp({ databaseUrl: server.url, pspTimeoutMs: 30_000 }),
    );
  });
  after(async () => {
    await Promise.all(psps.map((psp) => psp.close()));
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
  });

  const credit = async (name: string, amountMinor: number, key = `credit/${name}`) => {
    const db = await pool.connect();
    try {
      const entry = { key, merchant: 'default', checkoutId: null, currency: 'USD', amountMinor };
      return await creditWallet(db, entry, name);
    } finally {
      db.release();
    }
  };
  const balanceOf = async (name: string): Promise<number | undefined> => {
    const db = await pool.connect();
    const [wallet] = await readWallets(db, 'default', name);
    db.release();
    return wallet?.balance_minor;
  };
  const number = async (text: string, values: unknown[] = []): Promise<number> =>
    Number(Object.values((await pool.query(text, values)).rows[0])[0]);
  const booked = (account: string): Promise<number> =>
    number('select coalesce(sum(amount_minor), 0) from ledger_entries where account = $1', [
      account,
    ]);
  const counts = (answers: readonly PspAnswer[]): Record<string, number> => {
    const found: Record<string, number> = {};
    for (const answer of answers) {
      const name = answer.failureCode ?? answer.outcome;
      found[name] = (found[name] ?? 0) + 1;
    }
    return found;
  };

  it('should never be negative under 200 concurrent payments that it cannot all pay', async () => {
    await credit('busy', 12_050);
    const payments = Array.from({ length: 200 }, (_, n) => payment(`busy-${n}`, 'busy'));
    const answers = await Promise.all(
      payments.map((request, n) => psps[n % PROCESSES]!.charge(request)),
    );
    assert.deepEqual(counts(answers), { approved: 120, insufficient_funds: 80 });
    assert.equal(await balanceOf('busy'), 50);
    assert.equal(await booked('wallet:default/busy'), -50);
    // The same again, by other workers: nothing moves, everybody hears the same.
    const again = await Promise.all(
      payments.map((request, n) => psps[(n + 1) % PROCESSES]!.charge(request)),
    );
    assert.deepEqual(again, answers);
    assert.equal(await balanceOf('busy'), 50);
  });

  it('should pay once for one key that comes 50 times at once', async () => {
    await credit('one', 1_000);
    const request = payment('one', 'one');
    const tries = Array.from({ length: 50 }, (_, n) => psps[n % PROCESSES]!.charge(request));
    const answers = await Promise.all(tries);
    assert.deepEqual(counts(answers), { approved: 50 });
    assert.equal(new Set(answers.map((answer) => answer.reference)).size, 1);
    assert.equal(await balanceOf('one'), 900);
  });

  it('should give back no more than it took, however many refunds come at once', async () => {
    await credit('back', 100);
    const request = payment('back', 'back');
    const reference = (await psps[0]!.charge(request)).reference!;
    const refunds = Array.from({ length: 20 }, (_, n) => {
      const idempotencyKey = commandKey('default', 'back', 'refund', `k${n}`);
      return psps[n % PROCESSES]!.refund({
        ...request,
        idempotencyKey,
        reference,
        amountMinor: 30,
      });
    });
    assert.deepEqual(counts(await Promise.all(refunds)), {
      approved: 3,
      refund_exceeds_charge: 17,
    });
    assert.equal(await balanceOf('back'), 90);
  });

  it('should keep currencies and merchants apart, and know only wallets that there are', async () => {
    await credit('apart', 1_000);
    for (const [id, changes] of [
      ['euro', { currency: 'EUR' }],
      ['other', { merchant: 'other', idempotencyKey: 'other/other/charge/1' }],
    ] as const) {
      const answer = await psps[0]!.charge(payment(id, 'apart', changes));
      assert.deepEqual([answer.outcome, answer.failureCode], ['declined', 'wallet_not_found'], id);
    }
    const card = await psps[0]!.charge({ ...payment('card', 'x'), paymentMethod: 'pm_card_visa' });
    assert.equal(card.failureCode, 'payment_method_unknown');
    const stranger = { ...payment('thief', 'apart'), merchant: 'other', idempotencyKey: 'other/k' };
    const { reference } = await psps[0]!.charge(payment('mine', 'apart'));
    const refund = await psps[0]!.refund({ ...stranger, reference: reference! });
    assert.equal(refund.failureCode, 'not_found');
    assert.equal(await balanceOf('apart'), 900);
  });

  it('should credit once for one key, and refuse the key for another wallet', async () => {
    await credit('filled', 700, 'credit/k');
    assert.equal((await credit('filled', 700, 'credit/k')).isReused, false);
    assert.equal(await balanceOf('filled'), 700);
    assert.equal((await credit('another', 700, 'credit/k')).isReused, true);
    assert.equal(await balanceOf('another'), undefined);
  });

  it('should be filled and shown by the command line, with the exit codes of every command', () => {
    const wallet = (...args: string[]) =>
      spawnSync(process.execPath, [packageFile('ops/cli/tollgate.mjs'), 'wallet', ...args], {
        env: childEnvironment({ TOLLGATE_DATABASE_URL: server.url }),
        encoding: 'utf8',
        timeout: 30_000,
      });
    for (let i = 0; i < 2; i++) {
      const credit = wallet('credit', 'told', '--amount', '700', '--key', 'k1');
      assert.equal(credit.status, 0, credit.stderr);
      assert.match(credit.stdout, /^told 700 USD$/m);
    }
    assert.match(wallet('show', 'told').stdout, /^told 700 USD$/m);
    assert.equal(wallet('show', 'nobody').status, 1);
    assert.equal(wallet('credit', 'told', '--amount', '701', '--key', 'k1').status, 1);
    assert.equal(wallet('credit', 'told', '--amount', '-1').status, 2);
  });

  it('should have every balance in the books, which sum to zero', async () => {
    const wrong = await number(`select count(*) from wallets w where balance_minor <> -(
      select sum(amount_minor) from ledger_entries
      where account = 'wallet:' || w.merchant || '/' || w.name and currency = w.currency)`);
    assert.equal(wrong, 0);
    assert.equal(await number('select sum(amount_minor) from ledger_entries'), 0);
    // What wallets paid waits for the payments' own entries to pass it on to the merchants.
    const paid = await number(`select sum(amount_minor - refunded_minor) from wallet_operations
      where operation = 'charge' and outcome = 'approved'`);
    assert.equal(await booked('provider:wallet'), -paid);
  });

  it('should leave nothing behind when it is killed in the middle', async () => {
    await credit('cut', 100_000);
    const payments = Array.from({ length: 300 }, (_, n) => payment(`cut-${n}`, 'cut'));
    const running = Promise.all(payments.map((request, n) => psps[n % PROCESSES]!.charge(request)));
    await new Promise((done) => setTimeout(done, 50));
    await server.stop('SIGKILL', 1_000);
    for (const { outcome } of await running) assert.match(outcome, /^(approved|unknown|not_sent)$/);
    const port = Number(new URL(server.url).port);
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
    const again = await Promise.all(
      payments.map((request, n) => psps[n % PROCESSES]!.charge(request)),
    );
    assert.deepEqual(counts(again), { approved: 300 });
    assert.equal(await balanceOf('cut'), 70_000);
  });
});
