/**
 * CheckoutAccepted into a slot without allocating: the hot path's encoder, written by hand. Its
 * bytes are those that avsc writes for the schema, byte for byte (property-tested); everything
 * else, and every reader, uses avsc.
 */
import type { CheckoutAccepted } from './records.js';

/** Of a string: three bytes a UTF-16 unit at most, and its length. */
const BYTES_PER_UNIT_MAX = 3;
const LONG_BYTES_MAX = 10;
const FIXED_BYTES = 32;
const FIELDS = 12;

/** An upper bound of the datum's bytes. */
export function checkoutBytesMax(record: CheckoutAccepted): number {
  let units =
    record.merchant.length +
    record.checkout_id.length +
    record.currency.length +
    record.payment_method.length +
    record.provider.length +
    (record.description?.length ?? 0);
  let strings = FIELDS;
  for (const name in record.metadata) {
    units += name.length + record.metadata[name]!.length;
    strings += 2;
  }
  return FIXED_BYTES + units * BYTES_PER_UNIT_MAX + strings * LONG_BYTES_MAX;
}

/** Writes the datum at `at`, where `checkoutBytesMax` bytes must be free. @returns its end */
export function encodeCheckout(record: CheckoutAccepted, bytes: Buffer, at: number): number {
  bytes.set(record.fingerprint, at);
  let end = writeLong(bytes, at + FIXED_BYTES, record.shard);
  end = writeLong(bytes, end, record.accepted_at);
  end = writeString(bytes, end, record.merchant);
  end = writeString(bytes, end, record.checkout_id);
  end = writeLong(bytes, end, record.amount);
  end = writeString(bytes, end, record.currency);
  end = writeString(bytes, end, record.payment_method);
  end = writeString(bytes, end, record.provider);
  if (record.description === null) bytes[end++] = 0;
  else {
    bytes[end++] = 2; // the second branch of the union, zigzag
    end = writeString(bytes, end, record.description);
  }
  return writeMap(bytes, end, record.metadata);
}

/** One block, then the empty one that ends a map. */
function writeMap(bytes: Buffer, at: number, map: Readonly<Record<string, string>>): number {
  let count = 0;
  for (const _ in map) count++;
  let end = count === 0 ? at : writeLong(bytes, at, count);
  for (const name in map) {
    end = writeString(bytes, end, name);
    end = writeString(bytes, end, map[name]!);
  }
  bytes[end++] = 0;
  return end;
}

/** A long within the safe integers: zigzag, seven bits a byte, least significant first. */
function writeLong(bytes: Buffer, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let end = at;
  while (rest >= 0x8000_0000) {
    bytes[end++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    bytes[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[end++] = rest;
  return end;
}

/** Byte by byte while it is ASCII, which nearly every string here is. */
function writeString(bytes: Buffer, at: number, text: string): number {
  let end = writeLong(bytes, at, text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return writeUtf8(bytes, at, text);
    bytes[end++] = unit;
  }
  return end;
}

function writeUtf8(bytes: Buffer, at: number, text: string): number {
  const length = Buffer.byteLength(text);
  const start = writeLong(bytes, at, length);
  bytes.write(text, start, length);
  return start + length;
}
