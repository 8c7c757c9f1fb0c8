/**
 * Reads one write-ahead log file batch by batch: positional reads in large chunks, physical
 * records checked, fragments joined. A batch that is one record is handed out in place; one
 * that spans several is copied together once.
 *
 * The file may be growing: `end` and `partial` mean "not yet" and leave the reader where it
 * was, so that `next` may be called again. What the result means is the caller's to judge.
 */
import { closeSync, readSync } from 'node:fs';
import { EngineError } from '../util/errors.js';
import { openWal, walName } from './wal-directory.js';
import { BLOCK_BYTES, Fragment, Parsed, PhysicalRecord, parseRecord } from './wal-format.js';
import { BATCH_HEADER_BYTES, batchCount, batchSequence } from './write-batch.js';

/** `end`: no byte more. `partial`: the file ends within a batch. `bad`: see `problem`. */
export const Next = { batch: 0, end: 1, partial: 2, bad: 3 } as const;
export type NextStatus = (typeof Next)[keyof typeof Next];

export const CHUNK_BYTES = 16 * BLOCK_BYTES;
/** A batch larger than this is refused: far above what the writers can put together. */
export const BATCH_BYTES_MAX = 64 * 1024 * 1024;
const JOINED_BYTES_KEPT = 4 * 1024 * 1024;

export class WalFileReader {
  /** Number of the file. */
  readonly file: number;
  /** The batch that `next` found: `bytes[start, end)`, valid until the next call. */
  bytes: Buffer;
  start = 0;
  end = 0;
  sequence = 0;
  count = 0;
  /** File offset of the batch's first physical record. */
  batchOffset = 0;
  /** After `partial` and `bad`: the file offset of the physical record, and what it is. */
  problemOffset = 0;
  problem = '';

  readonly #fd: number;
  readonly #chunk: Buffer;
  readonly #record = new PhysicalRecord();
  #joined: Buffer = Buffer.alloc(0);
  #base = 0;
  #limit = 0;
  #at = 0;

  private constructor(file: number, fd: number, chunkBytes: number) {
    this.file = file;
    this.#fd = fd;
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
    this.bytes = this.#chunk;
  }

  /** Undefined when the file is in neither place. `chunkBytes` is a multiple of BLOCK_BYTES. */
  static open(
    dbDir: string,
    file: number,
    offset = 0,
    chunkBytes = CHUNK_BYTES,
  ): WalFileReader | undefined {
    const fd = openWal(dbDir, file);
    if (fd === undefined) return undefined;
    const reader = new WalFileReader(file, fd, chunkBytes);
    reader.seek(offset);
    return reader;
  }

  /** File offset behind the last batch handed out. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** Goes to a file offset at which a physical record begins; forgets what was read ahead. */
  seek(offset: number): void {
    this.#at = offset & (BLOCK_BYTES - 1);
    this.#base = offset - this.#at;
    this.#limit = 0;
  }

  /** Finds the next batch. Throws EngineError `wal_unsupported` and `wal_unreadable`. */
  next(): NextStatus {
    const from = this.offset;
    let status = this.#join();
    if (status === Next.bad) {
      // What was read ahead of the writer may have changed since: judge what is there now.
      this.seek(from);
      status = this.#join();
    }
    if (status !== Next.batch) this.seek(from);
    return status;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #join(): NextStatus {
    let joined = -1;
    for (;;) {
      const status = parseRecord(this.#chunk, this.#at, this.#limit, this.file, this.#record);
      if (
        status === Parsed.partial ||
        (status === Parsed.padding && this.#record.end > this.#limit)
      ) {
        if (this.#fill()) continue;
        return this.#endOfFile(status === Parsed.partial, joined >= 0);
      }
      if (status === Parsed.padding) {
        this.#at = this.#record.end;
        continue;
      }
      if (status === Parsed.unsupported)
        throw unsupported(this.file, this.offset, this.#record.problem);
      if (status === Parsed.bad) return this.#bad(this.offset, this.#record.problem);
      const { fragment } = this.#record;
      if (fragment !== Fragment.none) {
        const begins = fragment === Fragment.full || fragment === Fragment.first;
        if (begins !== joined < 0) {
          return this.#bad(
            begins ? this.batchOffset : this.offset,
            'a part of a batch without the rest',
          );
        }
        if (begins) this.batchOffset = this.offset;
        if (fragment === Fragment.full)
          return this.#finish(this.#chunk, this.#record.payloadStart, this.#record.payloadEnd);
        joined = this.#append(Math.max(0, joined));
        if (fragment === Fragment.last) return this.#finish(this.#joined, 0, joined);
      }
      this.#at = this.#record.end;
    }
  }

  #finish(bytes: Buffer, start: number, end: number): NextStatus {
    if (end - start < BATCH_HEADER_BYTES)
      return this.#bad(this.batchOffset, 'a batch without a header');
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.sequence = batchSequence(bytes, start);
    this.count = batchCount(bytes, start);
    this.#at = this.#record.end;
    return Next.batch;
  }

  /** Copies the current fragment behind `joined` bytes; returns how many there are now. */
  #append(joined: number): number {
    const { payloadStart, payloadEnd } = this.#record;
    const total = joined + payloadEnd - payloadStart;
    if (total > BATCH_BYTES_MAX) {
      throw unsupported(
        this.file,
        this.batchOffset,
        `a batch of more than ${BATCH_BYTES_MAX} bytes`,
      );
    }
    if (joined === 0 && this.#joined.length > JOINED_BYTES_KEPT) this.#joined = Buffer.alloc(0);
    if (total > this.#joined.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.max(2 * this.#joined.length, total, 2 * BLOCK_BYTES),
      );
      this.#joined.copy(larger, 0, 0, joined);
      this.#joined = larger;
    }
    this.#chunk.copy(this.#joined, joined, payloadStart, payloadEnd);
    return total;
  }

  /** Reads on; false at the end of the file. */
  #fill(): boolean {
    if (this.#at >= this.#chunk.length) {
      this.#base += this.#at;
      this.#at = 0;
      this.#limit = 0;
    }
    const room = this.#chunk.length - this.#limit;
    try {
      const got = readSync(this.#fd, this.#chunk, this.#limit, room, this.#base + this.#limit);
      this.#limit += got;
      return got > 0;
    } catch (error) {
      const where = `${walName(this.file)} at ${this.#base + this.#limit}`;
      throw new EngineError(
        'wal_unreadable',
        `${where} cannot be read: ${(error as Error).message}`,
        { cause: error, canRetry: true },
      );
    }
  }

  #endOfFile(withinRecord: boolean, withinBatch: boolean): NextStatus {
    if (!withinBatch && (!withinRecord || this.#at >= this.#limit)) return Next.end;
    this.problemOffset = withinBatch ? this.batchOffset : this.offset;
    this.problem = 'a batch that the file ends in';
    return Next.partial;
  }

  #bad(offset: number, problem: string): NextStatus {
    this.problemOffset = offset;
    this.problem = problem;
    return Next.bad;
  }
}

function unsupported(file: number, offset: number, problem: string): EngineError {
  return new EngineError(
    'wal_unsupported',
    `${walName(file)} at offset ${offset} holds ${problem}: this reader knows the format of RocksDB 9.7, uncompressed.`,
  );
}
