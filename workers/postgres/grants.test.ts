import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { FUNCTION_RIGHTS, TABLE_RIGHTS } from './grants.js';
import { migrate, migrateAsOwner, prepareSchema } from './migrate.js';
import { refusedToRuntime } from './refused-statements.js';

const MONTH_AGO = `now() - interval '40 days'`;

describe('the rights of the runtime role', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-grants-'));
  let server: LocalPostgres;
  let runtime: pg.Client;
  let owner: pg.Client;

  const connect = async (connectionString: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    return client;
  };
  const list = async (sql: string): Promise<string[]> =>
    (await owner.query<{ name: string }>(sql)).rows.map((row) => row.name);

  before(async () => {
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(home, 'pg'), port, log: join(home, 'pg.log') });
    owner = await connect(server.ownerUrl);
  });
  after(async () => {
    await Promise.all([runtime?.end(), owner?.end()]);
    await server?.stop('SIGINT', 5_000);
    rmSync(home, { recursive: true });
  });

  it('should refuse to work before the owner has migrated, and say what to run', async () => {
    await assert.rejects(prepareSchema(server.url), /run tollgate migrate$/);
    assert.equal(await migrateAsOwner(server), 'processor');
    await prepareSchema(server.url, () => assert.fail('the runtime role owns nothing'));
    runtime = await connect(server.url);
    await owner.query(`delete from migrations where name = '18_operator_acts'`);
    await assert.rejects(prepareSchema(server.url), /1 migrations are missing.*tollgate migrate/);
    await owner.query(`insert into migrations (name, run_on) values ('18_operator_acts', now())`);
  });

  it('should migrate as the only user with a warning, where that owns the tables', async () => {
    const warnings: string[] = [];
    await prepareSchema(server.ownerUrl, (reason) => warnings.push(reason));
    assert.match(warnings.join(), /TOLLGATE_DATABASE_OWNER_URL/);
  });

  it('should name every table and every function of the schema', async () => {
    const tables = await list(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace
       and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition order by 1`,
    );
    assert.deepEqual(tables, Object.keys(TABLE_RIGHTS).sort());
    const functions = await list(
      `select distinct proname as name from pg_proc where pronamespace = 'public'::regnamespace
       order by 1`,
    );
    assert.deepEqual(functions, Object.keys(FUNCTION_RIGHTS).sort());
  });

  it('should grant what is named, and nothing more, also to what was granted too much', async () => {
    await owner.query(`grant all on all tables in schema public to processor, public;
      grant update (amount_minor) on ledger_entries to processor;
      grant all on all functions in schema public to processor, public;
      grant all on schema public to processor, public`);
    await migrateAsOwner(server);
    const granted = await list(
      `select table_name || ' ' || lower(privilege_type) as name
       from information_schema.role_table_grants
       where grantee in ('processor', 'PUBLIC') and table_schema = 'public' order by 1`,
    );
    const wanted = Object.entries(TABLE_RIGHTS).flatMap(([table, rights]) => [
      `${table} select`,
      ...(rights.insert ? [`${table} insert`] : []),
      ...(rights.delete ? [`${table} delete`] : []),
      ...(rights.update === true ? [`${table} update`] : []),
    ]);
    assert.deepEqual(granted.sort(), wanted.sort());
    const columns = await list(
      `select c.relname || '.' || a.attname as name from pg_attribute a
       join pg_class c on c.oid = a.attrelid
       where c.relnamespace = 'public'::regnamespace and a.attacl is not null`,
    );
    const changing = Object.entries(TABLE_RIGHTS).flatMap(([table, { update }]) =>
      Array.isArray(update) ? update.map((column: string) => `${table}.${column}`) : [],
    );
    assert.deepEqual(columns.sort(), changing.sort());
    const callable = await list(
      `select proname as name from pg_proc where pronamespace = 'public'::regnamespace
       and has_function_privilege('processor', oid, 'execute') order by 1`,
    );
    const named = Object.entries(FUNCTION_RIGHTS).filter(([, isCallable]) => isCallable);
    assert.deepEqual(callable, named.map(([name]) => name).sort());
  });

  it('should refuse the runtime role whatever changes tables, books or rights', async () => {
    for (const statement of await refusedToRuntime(owner))
      await assert.rejects(
        runtime.query(statement),
        (error: Error) => /permission denied|must be owner|refused:/.test(error.message),
        statement,
      );
  });

  it('should keep calls and applied webhooks as they are, also from the owner', async () => {
    const call = `insert into psp_calls (call_id, merchant, checkout_id, provider, operation,
      attempt, idempotency_key, request, outcome) values ('01', 'm', 'c', 'p', 'charge', 1, 'k', '{}',
      'approved')`;
    await runtime.query(call);
    const webhook = (
      state: string,
    ): string => `insert into webhook_events (provider, event_id, type,
      state, received_at) values ('p', '${state}', 't', '${state}', now())`;
    for (const state of ['applied', 'waiting']) await runtime.query(webhook(state));
    for (const statement of [
      `update psp_calls set outcome = 'declined'`,
      'delete from psp_calls',
      'truncate psp_calls',
      'delete from psp_calls_default',
      `update webhook_events set state = 'dropped' where event_id = 'applied'`,
      `update webhook_events set event_id = 'other' where event_id = 'waiting'`,
      'delete from webhook_events',
      'truncate webhook_events',
    ])
      await assert.rejects(owner.query(statement), /append-only/, statement);
    await runtime.query(`update webhook_events set state = 'applied' where event_id = 'waiting'`);
  });

  it('should keep the search path of what runs with the rights of the owner', async () => {
    const open = await list(
      `select proname as name from pg_proc where pronamespace = 'public'::regnamespace
       and prosecdef and not coalesce(proconfig @> '{"search_path=public, pg_temp"}', false)`,
    );
    assert.deepEqual(open, []);
  });

  it('should let the runtime role keep partitions, but drop none that is young', async () => {
    const keep = (months: number, at: string): Promise<unknown> =>
      runtime.query(`select maintain_partitions('psp_calls', ${months}, ${at})`);
    await keep(2, 'now()');
    await assert.rejects(keep(1, 'now()'), /refused: only the owner/);
    await assert.rejects(keep(2, `now() + interval '3 months'`), /refused: only the owner/);
    await assert.rejects(keep(2, MONTH_AGO), /refused: only the owner/);
    await runtime.query('select forget_webhook_ids(2, now(), 10)');
    await assert.rejects(runtime.query('select forget_webhook_ids(0, now(), 10)'), /refused/);
  });

  it('should refuse a runtime role that is more than that', async () => {
    await assert.rejects(
      migrateAsOwner({ ownerUrl: server.ownerUrl, url: server.adminUrl }),
      /is a superuser/,
    );
    await assert.rejects(
      migrateAsOwner({ ownerUrl: server.ownerUrl, url: server.ownerUrl }),
      /is a member of the owner/,
    );
    const nobody = Object.assign(new URL(server.url), { username: 'nobody' }).href;
    await assert.rejects(
      migrateAsOwner({ ownerUrl: server.ownerUrl, url: nobody }),
      /there is no role nobody/,
    );
    await migrate(server.ownerUrl);
  });

  it('should make the runtime role with its password where the owner may make roles', async () => {
    const fresh = Object.assign(new URL(server.url), { username: 'fresh', password: 'p%27%22x' });
    const admin = await connect(server.adminUrl);
    await admin.query('alter role tollgate_owner createrole');
    const owned = { ownerUrl: server.ownerUrl, url: fresh.href };
    assert.equal(await migrateAsOwner(owned), 'fresh');
    assert.equal(await migrateAsOwner(owned), 'fresh');
    await prepareSchema(fresh.href, () => assert.fail('the runtime role owns nothing'));
    await assert.rejects(
      prepareSchema(Object.assign(fresh, { password: 'wrong' }).href),
      /password authentication failed/,
    );
    await admin.query('alter role tollgate_owner nocreaterole');
    await admin.end();
  });
});
