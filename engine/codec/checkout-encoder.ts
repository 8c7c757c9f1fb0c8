/**
 * CheckoutAccepted into a slot without allocating: the hot path's encoder, written by hand. Its
 * bytes are those that avsc writes for the schema, byte for byte (property-tested); everything
 * else, and every reader, uses avsc. A value of another type than the schema's is refused, so
 * whatever it writes can be decoded.
 */
import { EngineError } from '../util/errors.js';
import type { CheckoutAccepted } from './record-types.js';

/** Thrown for a value that the schema does not allow: its bytes could not be decoded again. */
function unencodable(value: unknown, wanted: string): EngineError {
  return new EngineError('unencodable', `a checkout holds ${typeof value} instead of ${wanted}`);
}

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
  if (record.fingerprint.length !== FIXED_BYTES)
    throw unencodable(record.fingerprint, `${FIXED_BYTES} bytes`);
  if (record.shard !== (record.shard | 0)) throw unencodable(record.shard, 'a 32-bit integer');
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
  if (!Number.isSafeInteger(value)) throw unencodable(value, 'a safe integer');
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
  if (typeof text !== 'string') throw unencodable(text, 'a string');
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
