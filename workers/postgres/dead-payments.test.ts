import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { createLogger } from '../../engine/util/log.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { Dlq } from '../dead-letters/dead-letter-queue.js';
import { DeadWatch } from '../dead-letters/dead-watch.js';
import type { Sender } from '../outbox/kafka-producer.js';
import { bury, listDead } from './dead-payments.js';
import { migrateAsOwner } from './migrate.js';
import { openPool } from './pool.js';

const PAYMENTS = `
insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
  payment_method, provider, version, idempotency_key, accepted_at)
select 'default', id, 0, '', 'processing', 1, 'USD', 'pm', 'simulator', 1, id, now()
from unnest($1::text[]) id`;

describe('dead payments in Postgres, without Kafka', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-dead-'));
  const logger = createLogger('test', 'fatal');
  let server: LocalPostgres;
  let pool: pg.Pool;
  let dlq: Dlq;

  before(async () => {
    chmodSync(dir, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
    await migrateAsOwner(server);
    pool = openPool(server.url, 2);
    const sender = undefined as unknown as Sender; // no letter is sent again here
    dlq = new Dlq({ brokers: '127.0.0.1:1', pool, sender, logger });
    await pool.query(PAYMENTS, [['new', 'old', 'fine']]);
    for (const [id, reason] of [
      ['new', 'no_answer'],
      ['old', 'provider_error'],
    ] as const) {
      const names = { merchant: 'default', checkout_id: id, version: 1 };
      const said = { reason, event: 'dead', detail: `of ${id}`, attempts: 6 };
      assert.equal(await bury(pool, { ...names, ...said }), true);
    }
    // Its letter is no longer in Kafka; a row of 0.3 has no time of its own.
    await pool.query(
      `update payments set dead_at = now() - interval '40 days' where checkout_id = 'old'`,
    );
  });
  after(async () => {
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
  });

  it('should be listed with reason, detail and age, the oldest first', async () => {
    const { dead_letters, letters_unread } = await dlq.list();
    assert.match(letters_unread ?? '', /no broker|refused|connect/i);
    assert.deepEqual(
      dead_letters.map(({ id, state, reason, detail, attempts }) => [
        ...[id, state, reason, detail, attempts],
      ]),
      [
        ['default/old', 'open', 'provider_error', 'of old', 6],
        ['default/new', 'open', 'no_answer', 'of new', 6],
      ],
    );
    const shown = (await dlq.show('old')) as { ticket: { checkout_id: string } };
    assert.equal(shown.ticket.checkout_id, 'old');
  });

  it('should be counted by reason and age', async () => {
    const watch = new DeadWatch(pool, logger);
    watch.start();
    await new Promise((done) => setTimeout(done, 1_000));
    watch.stop();
    const figures = watch.figures();
    assert.equal(figures['processor_dead_payments'], 2);
    assert.equal(figures['processor_dead_payments_by_reason{reason="no_answer"}'], 1);
    assert.ok(figures['processor_dead_payments_oldest_seconds']! > 39 * 86_400);
  });

  it('should be redriven by reason, age or id, once', async () => {
    const old = await dlq.redrive({ older_than_ms: 86_400_000 });
    assert.deepEqual(old, { matched: 1, redriven: ['default/old'], failed: [] });
    assert.deepEqual((await dlq.redrive({ ids: ['new'] })).redriven, ['default/new']);
    assert.deepEqual(await dlq.redrive({ ids: ['new'] }), { matched: 0, redriven: [], failed: [] });
    assert.deepEqual(await listDead(pool, 10), []);
  });
});
