import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { createLogger } from '../../engine/util/log.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { ServerClock } from '../../ops/testing/server-clock.js';
import { until } from '../../ops/testing/system.js';
import { ClockWatch } from '../health/clock-watch.js';
import { claimDue } from './claims.js';
import { PostgresClock } from './clock.js';
import { migrateAsOwner } from './migrate.js';
import { openPool } from './pool.js';
import { makeDueAgain } from './reschedule.js';
import { commitSends } from './send-commits.js';

const DAY_MS = 86_400_000;
const SKEW_MS_MAX = 1_000;
const AGAIN_MS_MAX = 20_000;

const PAYMENT = `
insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
  payment_method, provider, version, idempotency_key, accepted_at, next_ask_at)
values ('default', $1, 0, '', 'processing', 1, 'USD', 'pm', 'simulator', 1, $1, now(),
  now() + $2::interval)`;

describe('a Postgres whose clock steps back a day', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-due-'));
  const serverClock = new ServerClock();
  let server: LocalPostgres;
  let pool: pg.Pool;

  before(async () => {
    chmodSync(dir, 0o755);
    const [port] = (await freePorts(1)) as [number];
    const env = serverClock.environment;
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log'), env });
    await migrateAsOwner(server);
    pool = openPool(server.url, 2);
  });
  after(async () => {
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
    serverClock.remove();
  });

  it('should make due what waits for a time that the clock ahead has set', async () => {
    serverClock.shift(DAY_MS);
    const clock = PostgresClock.of(pool, SKEW_MS_MAX);
    await clock.refresh();
    assert.ok(Math.abs(clock.skewMs + DAY_MS) < SKEW_MS_MAX, `${clock.skewMs}`);
    await pool.query(PAYMENT, ['ahead', '1 minute']);
    const logger = createLogger('test', 'fatal');
    const watch = new ClockWatch(clock, SKEW_MS_MAX, logger, () => makeDueAgain(pool));
    try {
      serverClock.shift(0);
      await pool.query(PAYMENT, ['later', '1 hour']);
      const claimed: string[] = [];
      await until('what waited a day is due', AGAIN_MS_MAX, async () => {
        for (const claim of await claimDue(pool, 10, 60_000)) claimed.push(claim.checkoutId);
        return claimed.length > 0;
      });
      assert.deepEqual(claimed, ['ahead']);
    } finally {
      watch.stop();
    }
  });

  it('should date a fresh send by its own time', async () => {
    await pool.query(PAYMENT, ['fresh', '1 minute']);
    // The clock was ahead when an earlier send was committed, which did not leave.
    await pool.query(
      `update payments set last_sent_at = now() + interval '1 day' where checkout_id = 'fresh'`,
    );
    const send = {
      ...{ key: 'default/fresh', merchant: 'default', checkout_id: 'fresh', version: 1, asks: 0 },
      ...{ provider: 'simulator', attempt: 1, idempotency_key: 'fresh', is_fresh: true },
    };
    assert.deepEqual(await commitSends(pool, [send]), [true]);
    const { rows } = await pool.query<{ is_own: boolean }>(
      `select last_sent_at = first_sent_at as is_own from payments where checkout_id = 'fresh'`,
    );
    assert.equal(rows[0]!.is_own, true);
  });
});
