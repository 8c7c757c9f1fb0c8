/**
 * Tells a torn tail from damage: is there a complete beginning of a later batch after a bad
 * record?
 *
 * Every write is synced before the next one begins. So a later batch proves that the bad record
 * was once complete and acknowledged. Later parts of the same batch prove nothing: after a power
 * failure the blocks of one unsynced write may be on disk in any order.
 */
import { closeSync, readSync } from 'node:fs';
import { openWal } from './wal-directory.js';
import {
  BLOCK_BYTES,
  Fragment,
  HEADER_BYTES,
  Parsed,
  PhysicalRecord,
  parseRecord,
} from './wal-format.js';
import { BATCH_HEADER_BYTES, batchSequence } from './write-batch.js';

export interface LaterBatch {
  readonly offset: number;
  readonly sequence: number;
}

/**
 * The first batch that begins behind the bad record at file offset `badOffset` and has a
 * plausible sequence: not below `expected`, and no further on than one sequence a byte
 * (any that is above it when `expected` is only a `lowerBound`).
 * Where a bad record ends is unknown, so every byte is tried in a block until one parses.
 */
export function findLaterBatch(
  dbDir: string,
  file: number,
  badOffset: number,
  expected: number,
  lowerBound = false,
): LaterBatch | undefined {
  const fd = openWal(dbDir, file);
  if (fd === undefined) return undefined;
  try {
    const search = new Search(file, badOffset, expected, lowerBound);
    const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const firstBlock = badOffset - (badOffset % BLOCK_BYTES);
    for (let base = firstBlock; ; base += BLOCK_BYTES) {
      const bytes = readSync(fd, block, 0, BLOCK_BYTES, base);
      const found = search.inBlock(block, bytes, base);
      if (found !== undefined || bytes < BLOCK_BYTES) return found;
    }
  } finally {
    closeSync(fd);
  }
}

class Search {
  readonly #file: number;
  readonly #badOffset: number;
  readonly #expected: number;
  readonly #lowerBound: boolean;
  readonly #record = new PhysicalRecord();
  /** The beginning of a batch whose header is split by the end of a block. */
  readonly #split = Buffer.alloc(2 * BATCH_HEADER_BYTES);
  #splitBytes = -1;
  #splitOffset = 0;

  constructor(file: number, badOffset: number, expected: number, lowerBound: boolean) {
    this.#file = file;
    this.#badOffset = badOffset;
    this.#expected = expected;
    this.#lowerBound = lowerBound;
  }

  inBlock(block: Buffer, limit: number, base: number): LaterBatch | undefined {
    const record = this.#record;
    let at = Math.max(0, this.#badOffset + 1 - base);
    while (at + HEADER_BYTES <= limit) {
      // Checksums are dear at every byte: only what claims to be part of a batch is looked at.
      const type = block[at + 6]!;
      const claims = type >= 1 && type <= 8;
      if (!claims || parseRecord(block, at, limit, this.#file, record) !== Parsed.record) {
        this.#splitBytes = -1;
        at++;
        continue;
      }
      const found = this.#judge(block, base + at);
      if (found !== undefined) return found;
      at = record.end;
    }
    return undefined;
  }

  #judge(block: Buffer, offset: number): LaterBatch | undefined {
    const { fragment, payloadStart, payloadEnd } = this.#record;
    const begins = fragment === Fragment.full || fragment === Fragment.first;
    if (begins && payloadEnd - payloadStart >= BATCH_HEADER_BYTES) {
      return this.#plausible(batchSequence(block, payloadStart), offset);
    }
    if (fragment === Fragment.first) {
      this.#splitBytes = block.copy(this.#split, 0, payloadStart, payloadEnd);
      this.#splitOffset = offset;
      return undefined;
    }
    if (this.#splitBytes < 0 || fragment === Fragment.none) return undefined;
    const rest = Math.min(payloadEnd, payloadStart + BATCH_HEADER_BYTES);
    const total = this.#splitBytes + block.copy(this.#split, this.#splitBytes, payloadStart, rest);
    this.#splitBytes = -1;
    if (total < BATCH_HEADER_BYTES) return undefined;
    return this.#plausible(batchSequence(this.#split, 0), this.#splitOffset);
  }

  #plausible(sequence: number, offset: number): LaterBatch | undefined {
    const ahead = sequence - this.#expected;
    const far = this.#lowerBound ? !Number.isFinite(ahead) : ahead > offset - this.#badOffset;
    return ahead >= 0 && !far ? { offset, sequence } : undefined;
  }
}
