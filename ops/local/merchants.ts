/**
 * The merchants of a development cluster, made once: the keys file has hashes, as everywhere,
 * and what they are the hashes of stands beside it for `endpoints.json`. Both are 0600.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addKey } from '../keys/new-key.js';

/** Whether each also has a checksum secret, and so must send checksums. */
const MERCHANTS = { alpha: false, beta: false, signed: true } as const;

export interface MerchantCredentials {
  readonly keys: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

export function keysFile(dir: string): string {
  return join(dir, 'keys.json');
}

export function ensureMerchants(dir: string): void {
  if (existsSync(credentialsFile(dir))) return;
  const made = Object.entries(MERCHANTS).map(
    ([merchant, withSecret]) => [merchant, addKey(keysFile(dir), merchant, withSecret)] as const,
  );
  const credentials: MerchantCredentials = {
    keys: Object.fromEntries(
      made.map(([merchant, newCredentials]) => [merchant, newCredentials.key]),
    ),
    secrets: Object.fromEntries(
      made.flatMap(([merchant, newCredentials]) =>
        newCredentials.checksumSecret ? [[merchant, newCredentials.checksumSecret]] : [],
      ),
    ),
  };
  writeFileSync(credentialsFile(dir), `${JSON.stringify(credentials)}\n`, { mode: 0o600 });
}

export function readCredentials(dir: string): MerchantCredentials {
  return JSON.parse(readFileSync(credentialsFile(dir), 'utf8')) as MerchantCredentials;
}

function credentialsFile(dir: string): string {
  return join(dir, 'credentials.json');
}
