/** A position in the write-ahead log between two batches, and how to find one. */
import { listWalFiles } from './wal-directory.js';
import { Next, WalFileReader } from './wal-file-reader.js';

export interface WalPosition {
  /** Number of the file. */
  readonly file: number;
  /** File offset at which the next batch, or something before it, begins. */
  readonly offset: number;
  /** First sequence of the next batch. */
  readonly sequence: number;
}

export function isWalPosition(value: unknown): value is WalPosition {
  const position = value as Partial<WalPosition> | null | undefined;
  return isCount(position?.file) && isCount(position?.offset) && isCount(position?.sequence);
}

/** A whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * The first batch that takes a sequence, in the lowest file that has one; undefined when no
 * file does.
 */
export function firstPosition(dbDir: string): WalPosition | undefined {
  for (const { number } of listWalFiles(dbDir)) {
    const position = firstPositionIn(dbDir, number);
    if (position !== undefined) return position;
  }
  return undefined;
}

/** The same within one file. A dummy batch of no records, which RocksDB writes, is none. */
export function firstPositionIn(dbDir: string, file: number): WalPosition | undefined {
  const reader = WalFileReader.open(dbDir, file);
  if (reader === undefined) return undefined;
  try {
    while (reader.next() === Next.batch) {
      if (reader.count > 0) return { file, offset: reader.batchOffset, sequence: reader.sequence };
    }
    return undefined;
  } finally {
    reader.close();
  }
}

/**
 * The start of the batch that holds `sequence`; when the log ends right before it, the end
 * of the log; undefined when the files do not reach it or begin behind it. Reads the one
 * file that may hold it.
 */
export function locate(dbDir: string, sequence: number): WalPosition | undefined {
  const numbers = listWalFiles(dbDir).map((file) => file.number);
  for (const number of numbers.reverse()) {
    const first = firstPositionIn(dbDir, number);
    if (first !== undefined && first.sequence <= sequence) return locateIn(dbDir, first, sequence);
  }
  return undefined;
}

function locateIn(dbDir: string, first: WalPosition, sequence: number): WalPosition | undefined {
  const reader = WalFileReader.open(dbDir, first.file, first.offset);
  if (reader === undefined) return undefined;
  try {
    let next = first.sequence;
    let { offset } = first;
    while (reader.next() === Next.batch) {
      if (reader.count === 0) continue;
      next = reader.sequence + reader.count;
      if (next > sequence)
        return { file: first.file, offset: reader.batchOffset, sequence: reader.sequence };
      ({ offset } = reader);
    }
    return next === sequence ? { file: first.file, offset, sequence } : undefined;
  } finally {
    reader.close();
  }
}
