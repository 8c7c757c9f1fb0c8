/**
 * The development CA: one root, one short-lived certificate a role, made by openssl.
 * `ca.pem` is what everybody trusts, `ca.key` stays here, and `<role>.pem` holds a role's key
 * and certificate in one file: a rotation replaces both by one rename, so a server that loads
 * them at that moment never sees a key beside another's certificate. Every file is 0600.
 */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { KafkaTls } from '../../../engine/config/config.js';
import { EngineError } from '../../../engine/util/errors.js';
import { extensionsOf, ROLES, type Role } from './roles.js';

const CA_DAYS = 365;
export const LEAF_DAYS = 30;
/** A certificate is made anew when it has less than a third of its life left. */
const RENEW_MS = (LEAF_DAYS * 86_400_000) / 3;
const OPENSSL_MS_MAX = 10_000;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

/** Makes the CA and every role's certificate. Throws EngineError `pki_exists` if there is a CA. */
export function initPki(dir: string): void {
  if (existsSync(caFile(dir)))
    throw new EngineError('pki_exists', `${dir} has a CA: \`tollgate certs rotate\` renews.`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  inScratch(dir, (scratch) => {
    const key = join(scratch, 'key');
    const certificate = join(scratch, 'certificate');
    openssl([
      ...['req', '-x509', ...NEW_KEY, '-keyout', key, '-out', certificate],
      ...['-days', `${CA_DAYS}`, '-subj', '/CN=tollgate development CA'],
      ...['-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
    replaceFile(join(dir, 'ca.key'), readFileSync(key, 'utf8'));
    replaceFile(caFile(dir), readFileSync(certificate, 'utf8'));
  });
  rotate(dir);
}

/** A new key and certificate for each role; the peers' trust, `ca.pem`, stays as it is. */
export function rotate(dir: string, roles: readonly Role[] = ROLES): void {
  for (const role of roles) issue(dir, role);
}

/** What a start needs: a CA, and for every role a certificate that lasts. @returns what was made */
export function ensurePki(dir: string): readonly Role[] {
  if (!existsSync(caFile(dir))) {
    initPki(dir);
    return ROLES;
  }
  const due = ROLES.filter((role) => !lasts(roleFile(dir, role)));
  rotate(dir, due);
  return due;
}

/**
 * @param days negative: it has run out already
 * @param subject the whole name, as openssl takes it; an authority of your own may write more into it
 */
export function issue(dir: string, role: Role, days = LEAF_DAYS, subject = `/CN=${role}`): void {
  if (!existsSync(caFile(dir)))
    throw new EngineError('pki_missing', `${dir} has no CA: \`tollgate certs init\` makes one.`);
  inScratch(dir, (scratch) => {
    const [key, request, extensions] = ['key', 'request', 'extensions'].map((text) =>
      join(scratch, text),
    ) as [string, string, string];
    writeFileSync(extensions, `${extensionsOf(role).join('\n')}\n`);
    openssl(['req', '-new', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', subject]);
    const certificate = openssl([
      ...['x509', '-req', '-in', request, '-CA', caFile(dir), '-CAkey', join(dir, 'ca.key')],
      ...['-days', `${days}`, '-extfile', extensions],
    ]);
    replaceFile(roleFile(dir, role), `${readFileSync(key, 'utf8')}${certificate}`);
  });
}

export function caFile(dir: string): string {
  return join(dir, 'ca.pem');
}

/** Holds the key and the certificate: give it for both. */
export function roleFile(dir: string, role: Role): string {
  return join(dir, `${role}.pem`);
}

/** A role's files as a client of Kafka names them. */
export function clientTls(dir: string, role: Role): KafkaTls {
  const file = roleFile(dir, role);
  return { ca: caFile(dir), cert: file, key: file };
}

function lasts(file: string): boolean {
  if (!existsSync(file)) return false;
  const { validTo } = new X509Certificate(readFileSync(file));
  return Date.parse(validTo) - Date.now() > RENEW_MS;
}

/** A folder of our own for what must not be seen half done; gone afterwards. */
function inScratch(dir: string, work: (scratch: string) => void): void {
  const scratch = mkdtempSync(join(dir, 'making-'));
  try {
    work(scratch);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Readers see the old file or the new one, whole. */
function replaceFile(path: string, text: string): void {
  const fd = openSync(`${path}.next`, 'w', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.next`, path);
}

function openssl(args: readonly string[]): string {
  try {
    return execFileSync('openssl', args, {
      encoding: 'utf8',
      timeout: OPENSSL_MS_MAX,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    throw new EngineError('openssl_failed', `openssl ${args[0]}: ${stderr || message}`, { cause });
  }
}
