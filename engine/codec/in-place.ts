/** Compares fields inside an encoded record without decoding it. */
import { paymentKey } from '../domain/payment.js';
import { paymentStatus } from './records.js';
import { HEADER_BYTES, startsWithHeader } from './single-object.js';

export const FINGERPRINT_BYTES = 32;

/** Of an encoded CheckoutAccepted; shorter where the row is damaged. */
function fingerprintOf(checkout: Buffer): Buffer {
  return checkout.subarray(HEADER_BYTES, HEADER_BYTES + FINGERPRINT_BYTES);
}

/** Whether two encoded CheckoutAccepted (or CommandRequested) came of requests with the same meaning. */
export function sameFingerprint(a: Buffer, b: Buffer): boolean {
  const end = HEADER_BYTES + FINGERPRINT_BYTES;
  return a.compare(b, HEADER_BYTES, end, HEADER_BYTES, end) === 0;
}

/** `accepted_at` of an encoded CheckoutAccepted, in Unix milliseconds: the long after fingerprint and shard. */
export function acceptedAt(bytes: Uint8Array): number {
  const shard = readLong(bytes, HEADER_BYTES + FINGERPRINT_BYTES);
  return readLong(bytes, shard.end).value;
}

/** `version` of an encoded PaymentStatus: its first field. */
export function statusVersion(bytes: Uint8Array): number {
  return readLong(bytes, HEADER_BYTES).value;
}

/** Of an encoded PaymentStatus, its second field; undefined when it names no checkout's. */
export function statusFingerprint(bytes: Buffer): Buffer | undefined {
  if (!startsWithHeader(bytes, paymentStatus.header)) return undefined;
  const branch = readLong(bytes, readLong(bytes, HEADER_BYTES).end);
  if (branch.value === 0) return undefined;
  return bytes.subarray(branch.end, branch.end + FINGERPRINT_BYTES);
}

/**
 * Whether an encoded PaymentStatus may stand for an encoded CheckoutAccepted of its id: it names
 * that checkout's fingerprint, or none. Another fingerprint is that of a checkout which had the
 * id first and is not stored here any more.
 */
export function isStatusOf(status: Buffer, checkout: Buffer): boolean {
  const named = statusFingerprint(status);
  return named === undefined || fingerprintOf(checkout).equals(named);
}

/** `received_at` of an encoded WebhookReceived, in Unix milliseconds. */
export function receivedAt(bytes: Uint8Array): number {
  return readLong(bytes, receivedAtOffset(bytes)).value;
}

/** `merchant/checkoutId` of an encoded WebhookReceived; undefined when it names no payment. */
export function webhookPayment(bytes: Buffer): string | undefined {
  const merchant = readOptionalText(bytes, readLong(bytes, receivedAtOffset(bytes)).end);
  const checkoutId = readOptionalText(bytes, merchant.end);
  if (merchant.value === undefined || checkoutId.value === undefined) return undefined;
  return paymentKey(merchant.value, checkoutId.value);
}

/** Behind provider, event_id and shard. */
function receivedAtOffset(bytes: Uint8Array): number {
  const provider = readLong(bytes, HEADER_BYTES);
  const eventId = readLong(bytes, provider.end + provider.value);
  return readLong(bytes, eventId.end + eventId.value).end;
}

/** The union of null (0) and string (1). */
function readOptionalText(bytes: Buffer, offset: number): { value?: string; end: number } {
  const branch = readLong(bytes, offset);
  if (branch.value === 0) return { end: branch.end };
  const length = readLong(bytes, branch.end);
  const end = length.end + length.value;
  return { value: bytes.toString('utf8', length.end, end), end };
}

/** An Avro long (zigzag varint) within the safe integers. */
function readLong(bytes: Uint8Array, offset: number): { value: number; end: number } {
  let raw = 0;
  let scale = 1;
  let end = offset;
  let byte: number;
  do {
    byte = bytes[end++]!;
    raw += (byte & 0x7f) * scale;
    scale *= 128;
  } while (byte >= 0x80);
  return { value: raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2, end };
}
