import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { migrateAsOwner } from './migrate.js';
import { openPool } from './pool.js';
import { WAITING_REASONS, waitingPayments } from './waiting-payments.js';

const ROW = `
insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency, payment_method,
  provider, version, published_version, idempotency_key, accepted_at, updated_at,
  next_ask_at, first_sent_at, waiting_since, dead_reason)
select 'default', $1, 0, '\\x00', $2, 100, 'USD', 'pm_card_visa', 'simulator', 1, 1, $1,
  now() - interval '5 minutes', now() - interval '5 minutes', p.next_ask_at, p.first_sent_at,
  p.waiting_since, p.dead_reason
from json_populate_record(null::payments, $3) p`;

describe('the payments that wait', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-waiting-'));
  chmodSync(dir, 0o755);
  let server: LocalPostgres;
  let pool: pg.Pool;

  before(async () => {
    const [port] = await freePorts(1);
    server = await startPostgres({ dir, port: port!, log: join(dir, 'postgres.log') });
    await migrateAsOwner(server);
    pool = openPool(server.url, 2);
  });
  after(async () => {
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
  });

  const put = (id: string, status: string, changes: object): Promise<unknown> =>
    pool.query(ROW, [id, status, JSON.stringify(changes)]);

  it('should be counted by reason when they are older than a minute and not final', async () => {
    const at = new Date().toISOString();
    assert.deepEqual((await waitingPayments(pool)).oldestSeconds, 0);
    await put('dead', 'processing', { dead_reason: 'no_answer', first_sent_at: at });
    await put('action', 'requires_action', { next_ask_at: at, first_sent_at: at });
    await put('away', 'processing', { next_ask_at: at, waiting_since: at });
    await put('unsent', 'processing', { next_ask_at: at });
    await put('unknown', 'processing', { next_ask_at: at, first_sent_at: at });
    await put('final', 'succeeded', {});
    await put('young', 'processing', { next_ask_at: at });
    await pool.query(`update payments set accepted_at = now() where checkout_id = 'young'`);
    const { counts, oldestSeconds } = await waitingPayments(pool);
    assert.deepEqual(counts, Object.fromEntries(WAITING_REASONS.map((reason) => [reason, 1])));
    assert.ok(oldestSeconds >= 300 && oldestSeconds < 360, `${oldestSeconds}`);
  });

  it('should be told from versions that are not published', async () => {
    assert.equal((await waitingPayments(pool)).unpublished, 0);
    await pool.query(`update payments set version = 2 where checkout_id = 'final'`);
    const { unpublished, oldestUnpublishedSeconds } = await waitingPayments(pool);
    assert.equal(unpublished, 1);
    assert.ok(oldestUnpublishedSeconds >= 300);
  });
});
