/**
 * Who uses the Postgres of this machine. `tollgate` is the superuser that initdb made: only the
 * supervisor is it. `tollgate_owner` owns the tables, and `processor` works with them. Without TLS each has a
 * random password, in a file that only the user who starts Postgres can read.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { scramVerifier } from '../../workers/postgres/runtime-role.js';

export const DATABASE = 'tollgate';
export const USERS = {
  admin: 'tollgate',
  owner: 'tollgate_owner',
  processor: 'processor',
} as const;
export type DatabaseRole = keyof typeof USERS;
export type Passwords = Readonly<Record<DatabaseRole, string>>;

/** Earlier versions published it. */
const PUBLISHED = 'tollgate';
const CONNECT_MS_MAX = 1_000;

export function passwordsFile(dir: string): string {
  return join(dir, 'passwords.json');
}

/** Those of this folder; made at the first call. */
export function passwordsOf(dir: string): Passwords {
  const file = passwordsFile(dir);
  if (!existsSync(file)) {
    mkdirSync(dir, { recursive: true });
    const fresh = Object.keys(USERS).map((role) => [role, randomBytes(24).toString('hex')]);
    writeFileSync(`${file}.next`, JSON.stringify(Object.fromEntries(fresh)), { mode: 0o600 });
    renameSync(`${file}.next`, file);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Passwords;
}

export interface PlainPostgres {
  /** Its folder. */
  readonly dir: string;
  readonly port: number;
}

/** Works as it stands; its password is made if need be. */
export function postgresUrl(
  { dir, port }: PlainPostgres,
  role: DatabaseRole = 'processor',
  database: string = DATABASE,
): string {
  return `postgres://${USERS[role]}:${passwordsOf(dir)[role]}@127.0.0.1:${port}/${database}`;
}

/** Replaces the published password of a home that an earlier version made. */
export async function replacePublishedPassword(server: PlainPostgres): Promise<void> {
  const url = new URL(postgresUrl(server, 'admin', 'postgres'));
  url.password = PUBLISHED;
  const client = new pg.Client({
    connectionString: url.href,
    connectionTimeoutMillis: CONNECT_MS_MAX,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(passwordStatement('admin', passwordsOf(server.dir)));
  } catch {
    // The server does not answer yet, or has another password: the caller tries its own URL again.
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Makes the roles and the database, and gives the owner what others own in an older home.
 * @param urlOf the superuser's, by database
 * @param passwords absent: certificates say who is who
 */
export async function ensureRoles(
  urlOf: (database: string) => string,
  passwords?: Passwords,
): Promise<void> {
  await withClient(urlOf('postgres'), async (admin) => {
    for (const role of ['owner', 'processor'] as const) await ensureRole(admin, role, passwords);
    const found = await admin.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await admin.query(`create database ${DATABASE} owner ${USERS.owner}`);
    await admin.query(`alter database ${DATABASE} owner to ${USERS.owner}`);
  });
  await withClient(urlOf(DATABASE), giveToOwner);
}

async function ensureRole(
  admin: pg.Client,
  role: DatabaseRole,
  passwords?: Passwords,
): Promise<void> {
  const found = await admin.query('select 1 from pg_roles where rolname = $1', [USERS[role]]);
  if (found.rowCount === 0) await admin.query(`create role ${USERS[role]} login`);
  if (passwords) await admin.query(passwordStatement(role, passwords));
}

function passwordStatement(role: DatabaseRole, passwords: Passwords): string {
  return `alter role ${USERS[role]} password '${scramVerifier(passwords[role])}'`;
}

/** The superuser's own objects cannot be reassigned at once: one by one. */
async function giveToOwner(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ statement: string }>(
    `select format('alter table %s owner to ${USERS.owner}', c.oid::regclass) as statement
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and c.relowner <> '${USERS.owner}'::regrole
     union all
     select format('alter routine %s owner to ${USERS.owner}', p.oid::regprocedure)
     from pg_proc p where p.pronamespace = 'public'::regnamespace
       and p.proowner <> '${USERS.owner}'::regrole`,
  );
  for (const { statement } of rows) await admin.query(statement);
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
