/** Makes API keys and checksum secrets: the keys file holds hashes of keys, and secrets as they are. */
import { hash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type MerchantEntry, readKeysFile, writeKeysFile } from '../../engine/keys/keys-file.js';

export interface NewCredentials {
  readonly key: string;
  readonly checksumSecret?: string;
}

export function newSecret(): string {
  return `tgs_${randomBytes(32).toString('base64url')}`;
}

export function hashOf(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/** Makes the file where there is none. @param hasSecret also makes a checksum secret */
export function addKey(
  file: string,
  merchant: string,
  hasSecret: boolean,
  providers?: readonly string[],
  isOptional = false,
): NewCredentials {
  const table = existsSync(file) ? readKeysFile(file) : [];
  const key = `tg_${randomBytes(32).toString('base64url')}`;
  const secret = hasSecret ? newSecret() : undefined;
  const entry = table.find((item) => item.merchant === merchant) ?? { merchant, keys: [] };
  const keyed: MerchantEntry = {
    ...entry,
    keys: [...entry.keys, hashOf(key)],
    ...(providers ? { providers: [...providers] } : {}),
  };
  const changed = secret === undefined ? keyed : withSecret(keyed, secret, isOptional);
  writeKeysFile(file, [...table.filter((item) => item.merchant !== merchant), changed]);
  return secret === undefined ? { key } : { key, checksumSecret: secret };
}

/**
 * The first secret makes checksums mandatory, unless `isOptional` is true. A further secret does not
 * change that: mandatory checksums cannot become optional again.
 */
export function withSecret(
  entry: MerchantEntry,
  secret: string,
  isOptional: boolean,
): MerchantEntry {
  const secrets = entry.checksum_secrets ?? [];
  if (isOptional && secrets.length > 0 && !entry.checksums_optional)
    throw new Error(
      `${entry.merchant} must send checksums already: add the secret without --optional`,
    );
  return {
    ...entry,
    checksum_secrets: [...secrets, secret],
    ...(isOptional ? { checksums_optional: true } : {}),
  };
}
