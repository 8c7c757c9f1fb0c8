/**
 * Migrates the database to this release's tables. Any number of processes may run it at once. A
 * role without the right to migrate only checks that the owner has done it.
 */
import { readdirSync } from 'node:fs';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { EngineError } from '../../engine/util/errors.js';
import { packageFile } from '../../engine/util/paths.js';
import { grantRights } from './grants.js';
import { connect, libpqUrl } from './pool.js';
import { mustKeepSessions } from './pooler.js';
import { ensureRuntimeRole } from './runtime-role.js';

const FOLDER = packageFile('workers/postgres/migrations');
const NO_TABLE = '42P01';

/** Two ways into one database. */
export interface DatabaseUrls {
  /** Of the role that owns the tables. */
  readonly ownerUrl: string;
  /** Of the role that processors and commands work with. */
  readonly url: string;
}

export async function migrate(databaseUrl: string): Promise<void> {
  await runner({
    databaseUrl: libpqUrl(databaseUrl),
    dir: FOLDER,
    direction: 'up',
    migrationsTable: 'migrations',
    advisoryLockMode: 'wait',
    log: () => {},
  } as Parameters<typeof runner>[0]);
}

/**
 * As the owner, who then grants the runtime role what it needs.
 * @returns the runtime role. Throws EngineError `runtime_role_unfit`.
 */
export async function migrateAsOwner({ ownerUrl, url }: DatabaseUrls): Promise<string> {
  return await withClient(ownerUrl, async (owner) => {
    await mustKeepSessions(owner, ownerUrl);
    await migrate(ownerUrl);
    const role = await ensureRuntimeRole(owner, url);
    await grantRights(owner, role);
    return role;
  });
}

/**
 * For a process that is about to work: a user who may change the tables migrates them, as where
 * there is one user only; any other needs them at this release's version.
 * @param warn told when the user may change the tables
 */
export async function prepareSchema(
  databaseUrl: string,
  warn: (reason: string) => void = () => {},
): Promise<void> {
  const isOwner = await withClient(databaseUrl, async (client) => {
    await mustKeepSessions(client, databaseUrl);
    const may = await mayChange(client);
    if (!may) await mustBeCurrent(client);
    return may;
  });
  if (!isOwner) return;
  warn('the user of TOLLGATE_DATABASE_URL may change tables: see TOLLGATE_DATABASE_OWNER_URL');
  await migrate(databaseUrl);
}

async function mayChange(client: pg.ClientBase): Promise<boolean> {
  const sql = `select has_schema_privilege(current_schema(), 'create') as may`;
  return (await client.query<{ may: boolean }>(sql)).rows[0]!.may;
}

/** A newer version is no fault: processors are updated after the tables. */
async function mustBeCurrent(client: pg.ClientBase): Promise<void> {
  const done = await migrationsOf(client);
  const missing = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -'.sql'.length))
    .filter((name) => !done.has(name));
  if (missing.length === 0) return;
  throw new EngineError(
    'schema_old',
    `the tables of this release are not there (${missing.length} migrations are missing): run tollgate migrate`,
    { canRetry: true },
  );
}

async function migrationsOf(client: pg.ClientBase): Promise<Set<string>> {
  try {
    const { rows } = await client.query<{ name: string }>('select name from migrations');
    return new Set(rows.map((row) => row.name));
  } catch (error) {
    if ((error as { code?: string }).code === NO_TABLE) return new Set();
    throw error;
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
