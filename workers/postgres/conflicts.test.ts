import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { markConflictsPublished, unpublishedConflicts } from './conflicts.js';
import { type IntentRow, insertIntents } from './intents.js';
import { migrateAsOwner } from './migrate.js';
import { markPublished, unpublished } from './outbox.js';
import { openPool, transaction } from './pool.js';

const FIRST = 'aa'.repeat(32);
const LATE = 'bb'.repeat(32);

function intent(id: string, changes: Partial<IntentRow> = {}): IntentRow {
  return {
    key: `default/${id}`,
    merchant: 'default',
    checkout_id: id,
    shard: 0,
    fingerprint: FIRST,
    amount: 1999,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    asked: 'auto',
    provider: 'simulator',
    is_sent: true,
    idempotency_key: `default/${id}/charge/1`,
    accepted_ms: Date.now(),
    status: 'failed',
    reason: 'charge_started',
    failure_code: null,
    ask_after_ms: 60_000,
    republish: false,
    ...changes,
  };
}

describe('an id that was accepted again with another meaning', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-conflicts-'));
  let server: LocalPostgres;
  let pool: pg.Pool;

  before(async () => {
    chmodSync(dir, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
    await migrateAsOwner(server);
    pool = openPool(server.url, 2);
  });
  after(async () => {
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
  });

  const late = (changes: Partial<IntentRow> = {}): IntentRow =>
    intent('reused', { fingerprint: LATE, amount: 5, shard: 2, ...changes });
  const open = () => transaction(pool, (client) => unpublishedConflicts(client, 10));

  it('should be recorded with a status that names the late checkout', async () => {
    assert.deepEqual(await insertIntents(pool, [intent('reused')]), ['inserted']);
    assert.deepEqual(await insertIntents(pool, [late(), intent('other')]), [
      'conflict',
      'inserted',
    ]);
    const [status, ...more] = await open();
    assert.equal(more.length, 0);
    assert.equal(status!.status, 'failed');
    assert.equal(status!.failure_code, 'idempotency_key_reuse');
    assert.equal(status!.shard, 2);
    assert.deepEqual(status!.fingerprint, Buffer.from(LATE, 'hex'));
    await transaction(pool, (client) => markConflictsPublished(client, [status!]));
    assert.equal((await open()).length, 0);
  });

  it('should be published again when it is accepted or swept again, and stay one row', async () => {
    await insertIntents(pool, [late({ republish: true })]);
    assert.equal((await open()).length, 1);
    const { rows } = await pool.query('select amount from checkout_conflicts');
    assert.deepEqual(rows, [{ amount: 5 }]);
  });

  it('should neither move nor publish the first payment, whose statuses name its own checkout', async () => {
    await transaction(pool, async (client) => {
      const records = await unpublished(client, 10);
      await markPublished(client, records);
    });
    await insertIntents(pool, [late({ republish: true, shard: 7 })]);
    const { rows } = await pool.query(
      `select shard, amount, version - published_version as behind from payments
       where checkout_id = 'reused'`,
    );
    assert.deepEqual(rows, [{ shard: 0, amount: 1999, behind: 0 }]);
    await insertIntents(pool, [intent('reused', { republish: true })]);
    const records = await transaction(pool, (client) => unpublished(client, 10));
    assert.deepEqual(
      records.map((record) => [record.checkout_id, record.fingerprint?.toString('hex')]),
      [['reused', FIRST]],
    );
  });
});
