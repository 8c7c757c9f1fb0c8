import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { newUlid } from '../../engine/domain/ulid.js';
import { packageFile } from '../../engine/util/paths.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { migrateAsOwner } from './migrate.js';
import { maintainPartitions, tableSizes } from './partitions.js';
import { openPool } from './pool.js';
import { recordVerdicts, type VerdictRow } from './webhook-results.js';

const KEEP = {
  keepCallsMonths: 3,
  keepEventsMonths: 13,
  keepWebhooksMonths: 2,
  keepLinesMonths: 2,
};
const MONTH = new Date().toISOString().slice(0, 7).replace('-', '_');

describe('tables by month', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-partitions-'));
  let server: LocalPostgres;
  let client: pg.Client;

  before(async () => {
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(home, 'pg'), port, log: join(home, 'pg.log') });
    await migrateAsOwner(server);
    client = new pg.Client({ connectionString: server.ownerUrl });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await server.stop('SIGINT', 5_000);
    rmSync(home, { recursive: true });
  });

  /** Back to before the partitions, whatever came after them. */
  const down = async (): Promise<void> => {
    const { rows } = await client.query<{ count: string }>(
      `select count(*) from migrations
       where id >= (select id from migrations where name = '10_partitions')`,
    );
    await runner({
      databaseUrl: server.ownerUrl,
      dir: packageFile('workers/postgres/migrations'),
      direction: 'down',
      count: Number(rows[0]!.count),
      migrationsTable: 'migrations',
      log: () => {},
    } as Parameters<typeof runner>[0]);
  };
  const insertEvents = (ids: readonly [id: string, at: string][]): Promise<unknown> =>
    client.query(
      `insert into payment_events (merchant, checkout_id, version, status, reason, source, at)
       select 'm', id, 1, 'processing', 'r', 's', at
       from json_to_recordset($1) as i(id text, at timestamptz)`,
      [JSON.stringify(ids.map(([id, at]) => ({ id, at })))],
    );
  const insertCall = (id: string): Promise<unknown> =>
    client.query(
      `insert into psp_calls (call_id, merchant, checkout_id, provider, operation, attempt,
         idempotency_key, request, outcome)
       values ($1, 'm', $1, 'p', 'charge', 1, 'k', '{}', 'approved')`,
      [id],
    );
  const places = async (table: string, column: string): Promise<string[]> => {
    const { rows } = await client.query<{ place: string }>(
      `select tableoid::regclass || ' ' || ${column} as place from ${table} order by 1`,
    );
    return rows.map(({ place }) => place);
  };

  it('should take over what stood in plain tables, each row in its month, and go back', async () => {
    await down();
    const old = '01J0000000AAAAAAAAAAAAAAAA';
    await insertEvents([
      ['old', '2026-01-31T23:59:59Z'],
      ['far', '2039-01-01T00:00:00Z'],
    ]);
    await insertCall(old);
    await insertCall(newUlid());
    await client.query(
      `insert into webhook_events (provider, event_id, type, state, received_at)
       values ('p', 'e', 't', 'applied', '2026-02-01T00:00:00Z')`,
    );
    await migrateAsOwner(server);
    assert.deepEqual(await places('payment_events', 'checkout_id'), [
      'payment_events_2026_01 old',
      'payment_events_default far',
    ]);
    const calls = await places('psp_calls', `''`);
    assert.deepEqual(calls, ['psp_calls_2024_06 ', `psp_calls_${MONTH} `]);
    assert.deepEqual(await places('webhook_events', 'event_id'), ['webhook_events_2026_02 e']);
    const { rows } = await client.query('select event_id from webhook_event_ids');
    assert.deepEqual(rows, [{ event_id: 'e' }]);
    await down();
    await migrateAsOwner(server);
    assert.equal((await places('payment_events', 'checkout_id')).length, 2);
  });

  it('should make partitions ahead, drop those past their retention, and say so', async () => {
    const at = new Date('2039-05-15T00:00:00Z');
    await insertEvents([['near', '2039-05-31T23:59:59Z']]);
    const dropped = await maintainPartitions(client, KEEP, at, true);
    assert.ok(dropped > 0);
    // What the default partition held moved into its month, or was dropped with its age.
    assert.deepEqual(await places('payment_events', 'checkout_id'), [
      'payment_events_2039_05 near',
      'payment_events_default far',
    ]);
    assert.deepEqual(await places('psp_calls', `''`), []);
    const months = async (table: string): Promise<string[]> =>
      (await tableSizes(client)).filter((size) => size.table === table).map(({ month }) => month);
    assert.deepEqual(await months('psp_calls'), ['2039-05', '2039-06', '2039-07', 'default']);
    assert.equal(await maintainPartitions(client, KEEP, at, true), 0);
    const later = new Date('2039-07-01T00:00:00Z');
    assert.equal(await maintainPartitions(client, KEEP, later, false), 0);
    assert.deepEqual((await months('webhook_events')).slice(0, 3), [
      '2039-05',
      '2039-06',
      '2039-07',
    ]);
    // Two whole months are kept: May goes in August.
    assert.equal(await maintainPartitions(client, KEEP, later, true), 0);
    const august = new Date('2039-08-01T00:00:00Z');
    assert.equal(await maintainPartitions(client, KEEP, august, true), 2);
    assert.deepEqual((await months('webhook_events'))[0], '2039-06');
    await maintainPartitions(client, KEEP, new Date('2040-03-01T00:00:00Z'), true);
    assert.deepEqual(await places('payment_events', 'checkout_id'), [
      'payment_events_2039_05 near',
    ]);
  });

  it('should keep every partition of changes append-only', async () => {
    for (const table of ['payment_events', 'payment_events_2039_05', 'payment_events_default'])
      for (const change of [`update ${table} set reason = 'x'`, `delete from ${table}`])
        await assert.rejects(client.query(change), /append-only/);
  });

  it('should keep one row of a webhook that comes again in another month', async () => {
    const pool = openPool(server.url, 1);
    const row = (receivedAt: string, state: 'waiting' | 'applied'): VerdictRow => ({
      key: 'p/again',
      provider: 'p',
      event_id: 'again',
      merchant: null,
      checkout_id: null,
      type: 't',
      state,
      reason: null,
      received_ms: Date.parse(receivedAt),
      change: null,
      late_capture: null,
      part: null,
      wait: null,
    });
    assert.deepEqual(await recordVerdicts(pool, [row('2040-03-31T12:00:00Z', 'waiting')]), [true]);
    assert.deepEqual(await recordVerdicts(pool, [row('2040-04-02T12:00:00Z', 'applied')]), [true]);
    await pool.end();
    assert.deepEqual(await places('webhook_events', `event_id || ' ' || state`), [
      'webhook_events_2040_03 again applied',
    ]);
    await maintainPartitions(client, KEEP, new Date('2040-09-01T00:00:00Z'), true);
    const { rowCount } = await client.query('select 1 from webhook_event_ids');
    assert.equal(rowCount, 0);
  });
});
