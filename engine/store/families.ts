/**
 * The column families and their keys. Their order fixes the family numbers that stand in
 * the write-ahead log (default is 0): families may be appended, never reordered.
 *
 * checkouts  merchant/id              → CheckoutAccepted, written once
 * commands   merchant/id/kind/key     → CommandRequested
 * inbox      provider/event id        → WebhookReceived
 * status     merchant/id              → PaymentStatus; absent means pending
 * age        time, a key → more keys: of checkouts and inbox, by time (age.ts)
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
/** The id of the topic in which `status-offset` counts; absent after an upgrade. */
export const META_STATUS_TOPIC = Buffer.from('status-topic');
/** The ids of the topics when this volume last published: JSON, by name. */
export const META_KAFKA_TOPICS = Buffer.from('kafka-topics');
export const META_VOLUME = Buffer.from('volume');

export function encodeOffset(offset: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(BigInt(offset));
  return bytes;
}

export function decodeOffset(bytes: Buffer): number {
  return Number(bytes.readBigInt64BE(0));
}
