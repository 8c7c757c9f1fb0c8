/**
 * The keys file: the merchants and their credentials. API keys are stored as SHA-256 only.
 * Checksum secrets must be readable to be used, so the file's mode must be 0600. A merchant may
 * have several keys and secrets at once: a rotation adds the new one and removes the old one when
 * no client uses it any more.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import { MERCHANT_PATTERN, PROVIDER_PATTERN } from '../domain/payment.js';
import { newAjv } from '../util/ajv.js';
import { EngineError } from '../util/errors.js';

const MERCHANTS_MAX = 10_000;
const PER_MERCHANT_MAX = 16;
const OTHERS_MAY_READ = 0o077;

const MerchantEntry = Type.Object(
  {
    merchant: Type.String({ pattern: MERCHANT_PATTERN }),
    /** SHA-256 of each key, lower-case hex. */
    keys: Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' }), { maxItems: PER_MERCHANT_MAX }),
    /** With any, every request of the merchant must carry a checksum, unless they are optional. */
    checksum_secrets: Type.Optional(
      Type.Array(Type.String({ minLength: 16, maxLength: 256 }), { maxItems: PER_MERCHANT_MAX }),
    ),
    /** A phase of introduction: a checksum that comes is checked, and none is taken too. */
    checksums_optional: Type.Optional(Type.Literal(true)),
    /** Those that the merchant's checkouts may go to; without: all that are configured. */
    providers: Type.Optional(
      Type.Array(Type.String({ pattern: PROVIDER_PATTERN }), {
        maxItems: PER_MERCHANT_MAX,
      }),
    ),
  },
  { additionalProperties: false },
);
const KeysDocument = Type.Object(
  { merchants: Type.Array(MerchantEntry, { maxItems: MERCHANTS_MAX }) },
  { additionalProperties: false },
);
export type MerchantEntry = Static<typeof MerchantEntry>;
export type KeyTable = readonly MerchantEntry[];

const validate = newAjv().compile<Static<typeof KeysDocument>>(KeysDocument);

/** Throws EngineError `keys_file_unusable` that says why, and never what is in the file. */
export function readKeysFile(path: string): KeyTable {
  const unusable = (why: string): EngineError =>
    new EngineError('keys_file_unusable', `${path} ${why}`);
  let document: unknown;
  try {
    if ((statSync(path).mode & OTHERS_MAY_READ) !== 0)
      throw unusable('can be read by others: chmod 600 it.');
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw unusable(code === undefined ? 'is not JSON.' : `cannot be read: ${code}.`);
  }
  if (!validate(document)) {
    const [error] = validate.errors ?? [];
    throw unusable(`is not a keys file: ${error?.instancePath} ${error?.message}.`);
  }
  const { merchants } = document;
  const names = merchants.map((merchant) => merchant.merchant);
  if (new Set(names).size !== names.length) throw unusable('names a merchant twice.');
  const keys = merchants.flatMap((merchant) => merchant.keys);
  if (new Set(keys).size !== keys.length) throw unusable('has a key twice.');
  return merchants;
}

/** A running engine sees the old file or the new one, whole, and still owns it when root has written it. */
export function writeKeysFile(path: string, merchants: KeyTable): void {
  const next = `${path}.${randomBytes(4).toString('hex')}.next`;
  const fd = openSync(next, 'wx', 0o600);
  try {
    const before = statSync(path, { throwIfNoEntry: false });
    if (before) fchownSync(fd, before.uid, before.gid);
    writeFileSync(fd, `${JSON.stringify({ merchants }, null, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, path);
}
