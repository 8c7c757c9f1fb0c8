/**
 * Avro single-object encoding (Avro specification 1.11, "Single-object encoding"):
 * two marker bytes, the schema's CRC-64-AVRO fingerprint in little-endian, the datum.
 */
import type { Type } from 'avsc';

export const HEADER_BYTES = 10;
const MARKER_0 = 0xc3;
const MARKER_1 = 0x01;
const EMPTY = 0xc15d213aa4d7a795n;

/** @returns the ten bytes in front of every datum of `type` */
export function singleObjectHeader(type: Type): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = MARKER_0;
  header[1] = MARKER_1;
  header.writeBigUInt64LE(fingerprint64(Buffer.from(JSON.stringify(type.schema()))), 2);
  return header;
}

/** @returns whether `bytes` starts with `header` */
export function startsWithHeader(bytes: Uint8Array, header: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES) return false;
  for (let i = 0; i < HEADER_BYTES; i++) if (bytes[i] !== header[i]) return false;
  return true;
}

/** CRC-64-AVRO (Rabin) of the schema's parsing canonical form. */
export function fingerprint64(canonical: Uint8Array): bigint {
  let fingerprint = EMPTY;
  for (const byte of canonical) {
    const index = Number((fingerprint ^ BigInt(byte)) & 0xffn);
    fingerprint = (fingerprint >> 8n) ^ TABLE[index]!;
  }
  return fingerprint;
}

const TABLE = Array.from({ length: 256 }, (_, index) => {
  let entry = BigInt(index);
  for (let bit = 0; bit < 8; bit++) entry = (entry >> 1n) ^ (EMPTY & -(entry & 1n));
  return entry;
});
