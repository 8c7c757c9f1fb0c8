/**
 * Fixtures for tests of the log: records derived from their sequence, so that any reader can check
 * what it received; log files written byte by byte; and real databases with such records.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RocksLevel } from 'rocksdb';
import { FAMILIES } from '../store/families.js';
import { listWalFiles, walName } from './wal-directory.js';
import { BLOCK_BYTES, HEADER_BYTES, maskedCrc32c, RECYCLABLE_HEADER_BYTES } from './wal-format.js';
import type { WalPosition } from './wal-position.js';
import { RecordKind, type WriteBatchCursor } from './write-batch.js';

export interface FixtureRecord {
  readonly family: number;
  readonly key: Buffer;
  /** Undefined for a deletion. */
  readonly value: Buffer | undefined;
}

/** The record that every fixture writes with `sequence`: mostly small, some of many blocks. */
export function recordOf(sequence: number): FixtureRecord {
  const family = sequence % FAMILIES.length;
  const key = Buffer.from(`key-${sequence}`);
  if (sequence % 11 === 0) return { family, key, value: undefined };
  return { family, key, value: Buffer.alloc(valueBytes(sequence), `${sequence};`) };
}

function valueBytes(sequence: number): number {
  if (sequence % 997 === 0) return 1_300_000;
  if (sequence % 97 === 0) return 70_000;
  return (sequence * 37) % 500;
}

/** Whether the cursor stands on `recordOf` its sequence. */
export function isRecordOf(cursor: WriteBatchCursor): boolean {
  const { family, key, value } = recordOf(cursor.sequence);
  const kind = value === undefined ? RecordKind.delete : RecordKind.put;
  return (
    cursor.kind === kind &&
    cursor.columnFamilyId === family &&
    cursor.key.equals(key) &&
    cursor.value.equals(value ?? Buffer.alloc(0))
  );
}

/** The bytes of a write batch of `count` records. */
export function encodeBatch(sequence: number, count: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(BigInt(sequence), 0);
  header.writeUInt32LE(count, 8);
  const parts: Buffer[] = [header];
  for (let i = 0; i < count; i++) {
    const { family, key, value } = recordOf(sequence + i);
    const tag = (value === undefined ? 0x0 : 0x1) + (family === 0 ? 0 : 4);
    parts.push(
      Buffer.from([tag, ...(family === 0 ? [] : varint(family))]),
      Buffer.from(varint(key.length)),
      key,
    );
    if (value !== undefined) parts.push(Buffer.from(varint(value.length)), value);
  }
  return Buffer.concat(parts);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** A log file put together as RocksDB's writer does it. */
export class LogImage {
  readonly #parts: Buffer[] = [];
  readonly #logNumber: number | undefined;
  bytes = 0;
  /** The offsets at which the batches end, in order. */
  readonly ends: number[] = [];

  /** With `logNumber` the recyclable record types are written. */
  constructor(logNumber?: number) {
    this.#logNumber = logNumber;
  }

  add(batch: Buffer): this {
    const headerBytes = this.#logNumber === undefined ? HEADER_BYTES : RECYCLABLE_HEADER_BYTES;
    let at = 0;
    for (let begins = true, ends = false; !ends; ) {
      const room = BLOCK_BYTES - (this.bytes % BLOCK_BYTES);
      if (room < headerBytes) {
        this.#push(Buffer.alloc(room));
        continue;
      }
      const length = Math.min(batch.length - at, room - headerBytes);
      ends = at + length === batch.length;
      this.#emit(begins, ends, batch.subarray(at, at + length));
      begins = false;
      at += length;
    }
    this.ends.push(this.bytes);
    return this;
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #emit(isFirst: boolean, isLast: boolean, payload: Buffer): void {
    const type = isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3;
    this.#push(this.record(this.#logNumber === undefined ? type : type + 4, payload));
  }

  /** One physical record of any type. */
  record(type: number, payload: Buffer): Buffer {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(this.#logNumber ?? 0);
    const recyclable = type >= 5 && type <= 8;
    const checked = Buffer.concat([Buffer.from([type]), ...(recyclable ? [number] : []), payload]);
    const header = Buffer.alloc(6);
    header.writeUInt32LE(maskedCrc32c(checked), 0);
    header.writeUInt16LE(payload.length, 4);
    return Buffer.concat([header, checked]);
  }

  /** Appends bytes as they are. */
  raw(bytes: Buffer): this {
    this.#push(bytes);
    return this;
  }

  #push(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.bytes += bytes.length;
  }
}

/** A fresh folder, removed at the end of the test or suite that `onEnd` belongs to. */
export function temporaryFolder(onEnd: (remove: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-wal-'));
  onEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes `bytes` as log file `number` of the live folder or the archive. */
export function putWal(dbDir: string, number: number, bytes: Buffer, archived = false): void {
  const folder = archived ? join(dbDir, 'archive') : dbDir;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, walName(number)), bytes);
}

/** A real database with the product's families; a small memtable makes it change files often. */
export async function openTestDatabase(
  dbDir: string,
  memtableBytes = 64 << 20,
): Promise<RocksLevel> {
  const family = { memtableMemoryBudget: memtableBytes, compaction: 'level' as const };
  const db = new RocksLevel(dbDir);
  await db.open({
    createIfMissing: true,
    columns: Object.fromEntries(FAMILIES.map((name) => [name, family])),
    walTTL: 0xffff_ffff,
    walCompression: false,
  });
  return db;
}

/** Writes the next `count` records in one synced batch; returns the durable sequence. */
export function writeBatch(db: RocksLevel, count: number): number {
  const batch = db.batch();
  const first = db.sequence + 1;
  for (let i = 0; i < count; i++) {
    const { family, key, value } = recordOf(first + i);
    const column = db.columns[FAMILIES[family] ?? 'default']!;
    if (value === undefined) batch._del(key, { column });
    else batch._put(key, value, { column });
  }
  batch._writeSync({ sync: true });
  return db.sequence;
}

/** Where the log of a new database begins. */
export function logStart(dbDir: string): WalPosition {
  return { file: listWalFiles(dbDir)[0]!.number, offset: 0, sequence: 1 };
}
