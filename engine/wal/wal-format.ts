/**
 * The physical layout of a RocksDB 9.7 write-ahead log file, and the parser of one
 * physical record (db/log_format.h, db/log_writer.cc). Pure: bytes in, fields out.
 *
 *   file    := block*           32 KiB each; the last one may be shorter
 *   block   := record* padding  padding: zeros, fewer than one header
 *   record  := crc32c u32 | length u16 | type u8 [| log number u32] | payload
 *   payload := a whole write batch (full) or a part of one (first, middle*, last)
 *
 * The checksum is crc32c, masked, over everything behind the length. Recyclable types
 * carry the low 32 bits of their file's number: another number is a leftover.
 */
import { crc32c } from '@node-rs/crc32';

export const BLOCK_BYTES = 32_768;
export const HEADER_BYTES = 7;
export const RECYCLABLE_HEADER_BYTES = 11;

/** What a physical record is to its batch; `none`: it belongs to no batch, step over it. */
export const Fragment = { none: 0, full: 1, first: 2, middle: 3, last: 4 } as const;
export type FragmentKind = (typeof Fragment)[keyof typeof Fragment];

/** `partial`: the bytes end before the record does. `unsupported`: intact, but not for us. */
export const Parsed = { record: 0, padding: 1, partial: 2, bad: 3, unsupported: 4 } as const;
export type ParsedStatus = (typeof Parsed)[keyof typeof Parsed];

const SET_COMPRESSION_TYPE = 9;
const TIMESTAMP_SIZE_TYPE = 10;
const RECYCLABLE_TIMESTAMP_SIZE_TYPE = 11;
/** Newer releases mark types that a reader may step over with this bit. */
const IGNORABLE_TYPE_BIT = 128;
const MASK_DELTA = 0xa282ead8;

/** The result of `parseRecord`, reused from call to call. */
export class PhysicalRecord {
  fragment: FragmentKind = Fragment.none;
  payloadStart = 0;
  payloadEnd = 0;
  /** Index behind the record, or behind the padding. */
  end = 0;
  /** Why it is bad or unsupported. */
  problem = '';
}

/** The stored form of a checksum. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

/**
 * Parses the physical record at index `at` of `bytes`, of which `limit` are filled. Index 0
 * must be the start of a block. Costs one checksum over the record.
 */
export function parseRecord(
  bytes: Buffer,
  at: number,
  limit: number,
  walNumber: number,
  out: PhysicalRecord,
): ParsedStatus {
  const blockEnd = (at & -BLOCK_BYTES) + BLOCK_BYTES;
  if (blockEnd - at < HEADER_BYTES) return padding(blockEnd, out);
  if (limit - at < HEADER_BYTES) return Parsed.partial;
  const length = bytes[at + 4]! | (bytes[at + 5]! << 8);
  const type = bytes[at + 6]!;
  if (type === 0 && length === 0) {
    if (blockEnd - at < RECYCLABLE_HEADER_BYTES) return padding(blockEnd, out);
    return bad(out, 'a header of zeros');
  }
  const recyclable = (type >= 5 && type <= 8) || type === RECYCLABLE_TIMESTAMP_SIZE_TYPE;
  const payloadStart = at + (recyclable ? RECYCLABLE_HEADER_BYTES : HEADER_BYTES);
  const end = payloadStart + length;
  if (end > blockEnd) return bad(out, 'a length that leaves the block');
  if (end > limit) return Parsed.partial;
  if (maskedCrc32c(bytes.subarray(at + 6, end)) !== bytes.readUInt32LE(at)) {
    return bad(out, 'a wrong checksum');
  }
  if (recyclable && bytes.readUInt32LE(at + 7) !== walNumber >>> 0) {
    return bad(out, 'a record of an earlier file');
  }
  out.payloadStart = payloadStart;
  out.payloadEnd = end;
  out.end = end;
  return classify(bytes, type, out);
}

function classify(bytes: Buffer, type: number, out: PhysicalRecord): ParsedStatus {
  if (type >= 1 && type <= 8) {
    out.fragment = (((type - 1) % 4) + 1) as FragmentKind;
    return Parsed.record;
  }
  out.fragment = Fragment.none;
  if (type === SET_COMPRESSION_TYPE) {
    const plain =
      out.payloadEnd - out.payloadStart < 4 || bytes.readUInt32LE(out.payloadStart) === 0;
    out.problem = 'compressed records (the database must be opened with walCompression: false)';
    return plain ? Parsed.record : Parsed.unsupported;
  }
  if (
    type === TIMESTAMP_SIZE_TYPE ||
    type === RECYCLABLE_TIMESTAMP_SIZE_TYPE ||
    type >= IGNORABLE_TYPE_BIT
  ) {
    return Parsed.record;
  }
  out.problem = `a record of type ${type}, which RocksDB 9.7 does not have`;
  return Parsed.unsupported;
}

function padding(blockEnd: number, out: PhysicalRecord): ParsedStatus {
  out.end = blockEnd;
  return Parsed.padding;
}

function bad(out: PhysicalRecord, problem: string): ParsedStatus {
  out.problem = problem;
  return Parsed.bad;
}
