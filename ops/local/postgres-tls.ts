/**
 * Postgres behind mTLS: only TLS connections, only with a certificate of our CA, and the
 * certificate's common name decides the database user. The server's files are copies that its
 * own operating-system user owns, because it takes no other's key.
 */
import { chmodSync, chownSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { caFile, roleFile } from '../deploy/pki/authority.js';
import type { Role } from '../deploy/pki/roles.js';
import { DATABASE, type DatabaseRole, USERS } from './postgres-roles.js';

/** Whose certificate serves a database user. Others are refused. */
const CERTIFICATES = {
  admin: 'admin',
  owner: 'admin',
  processor: 'processor',
} as const satisfies Record<DatabaseRole, Role>;

const CONNECT_MS_MAX = 5_000;
const MAP = 'certificates';

/** A connection that checks the server's name and shows our certificate; files are read anew for each. */
export function postgresTlsUrl(
  port: number,
  pki: string,
  role: DatabaseRole,
  database: string = DATABASE,
): string {
  const identity = resolve(roleFile(pki, CERTIFICATES[role]));
  const query = new URLSearchParams({
    sslmode: 'verify-full',
    sslrootcert: resolve(caFile(pki)),
    sslcert: identity,
    sslkey: identity,
  });
  return `postgres://${USERS[role]}@127.0.0.1:${port}/${database}?${query}`;
}

/** Writes what the server reads, owned like `dir`. @returns its settings */
export function installPostgresTls(dir: string, pki: string): Record<string, string> {
  const folder = join(resolve(dir), 'tls');
  const file = (name: string): string => join(folder, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  copyFileSync(caFile(pki), file('ca.pem'));
  copyFileSync(roleFile(pki, 'postgres'), file('server.pem'));
  const hosts = ['127.0.0.1/32', '::1/128'].map(
    (text) => `hostssl all all ${text} cert map=${MAP}\n`,
  );
  writeFileSync(file('pg_hba.conf'), hosts.join(''));
  const users = Object.entries(CERTIFICATES).map(
    ([role, certificate]) => `${MAP} ${certificate} ${USERS[role as DatabaseRole]}\n`,
  );
  writeFileSync(file('pg_ident.conf'), users.join(''));
  const { uid, gid } = statSync(dir);
  for (const path of [
    folder,
    ...['ca.pem', 'server.pem', 'pg_hba.conf', 'pg_ident.conf'].map(file),
  ])
    chownSync(path, uid, gid);
  chmodSync(file('server.pem'), 0o600);
  return {
    ssl: 'on',
    ssl_ca_file: file('ca.pem'),
    ssl_cert_file: file('server.pem'),
    ssl_key_file: file('server.pem'),
    ssl_min_protocol_version: 'TLSv1.2',
    hba_file: file('pg_hba.conf'),
    ident_file: file('pg_ident.conf'),
  };
}

/** After a rotation: new connections see the new certificate; open ones go on. */
export async function reloadPostgresCertificate(
  dir: string,
  port: number,
  pki: string,
): Promise<void> {
  installPostgresTls(dir, pki);
  const client = new pg.Client({
    connectionString: postgresTlsUrl(port, pki, 'admin', 'postgres'),
    connectionTimeoutMillis: CONNECT_MS_MAX,
  });
  await client.connect();
  try {
    await client.query('select pg_reload_conf()');
  } finally {
    await client.end();
  }
}
