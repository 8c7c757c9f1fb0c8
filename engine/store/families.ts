/**
 * The column families and their keys. Their order fixes the family numbers that stand in
 * the write-ahead log (default is 0): families may be appended, never reordered.
 *
 * checkouts  merchant/id              → CheckoutAccepted, written once
 * commands   merchant/id/kind/key     → CommandRequested
 * inbox      provider/event id        → WebhookReceived
 * status     merchant/id              → PaymentStatus; absent means pending
 * age        accepted_at, merchant/id → nothing; serves the sweeper and retention
 *            received_at, 0, provider/event id → nothing; serves retention
 * meta       name                     → offset of payments.status, identity of the volume
 */
export const FAMILIES = [
  'default',
  'checkouts',
  'commands',
  'inbox',
  'status',
  'age',
  'meta',
] as const;
export type Family = (typeof FAMILIES)[number];

/** The number of a family in the write-ahead log. */
export function familyId(family: Family): number {
  return FAMILIES.indexOf(family);
}

export const META_STATUS_OFFSET = Buffer.from('status-offset');
export const META_VOLUME = Buffer.from('volume');

const AGE_TIME_BYTES = 8;
/** No merchant's name begins with it. */
const INBOX_MARK = Buffer.from([0]);

/** Big-endian Unix milliseconds, then the payment's key: rows sort by time of acceptance. */
export function ageKey(acceptedAtMs: number, key: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(AGE_TIME_BYTES + key.length);
  row.writeUInt32BE(Math.floor(acceptedAtMs / 0x1_0000_0000), 0);
  row.writeUInt32BE(acceptedAtMs % 0x1_0000_0000, 4);
  row.set(key, AGE_TIME_BYTES);
  return row;
}

/** The first possible age key at `acceptedAtMs`. */
export function ageBound(acceptedAtMs: number): Buffer {
  return ageKey(acceptedAtMs, Buffer.alloc(0));
}

/** The age row of a row of the inbox. */
export function inboxAgeKey(receivedAtMs: number, key: Uint8Array): Buffer {
  return ageKey(receivedAtMs, Buffer.concat([INBOX_MARK, key]));
}

/** @returns the time, and the row of `checkouts` or `inbox` that it is the time of */
export function splitAgeKey(row: Buffer): {
  acceptedAtMs: number;
  family: 'checkouts' | 'inbox';
  key: Buffer;
} {
  const acceptedAtMs = Number(row.readBigUInt64BE(0));
  return row[AGE_TIME_BYTES] === INBOX_MARK[0]
    ? { acceptedAtMs, family: 'inbox', key: row.subarray(AGE_TIME_BYTES + INBOX_MARK.length) }
    : { acceptedAtMs, family: 'checkouts', key: row.subarray(AGE_TIME_BYTES) };
}

export function encodeOffset(offset: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(BigInt(offset));
  return bytes;
}

export function decodeOffset(bytes: Buffer): number {
  return Number(bytes.readBigInt64BE(0));
}
