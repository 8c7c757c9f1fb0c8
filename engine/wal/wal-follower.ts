/**
 * Follows the write-ahead log across its files, up to the durable sequence, and checks that no
 * sequence is missing. RocksDB appends at the same time: a record that is not there yet is not an
 * error; a missing record at or below the durable sequence is.
 */
import { EngineError } from '../util/errors.js';
import { nextWal, walName } from './wal-directory.js';
import { Next, WalFileReader } from './wal-file-reader.js';
import type { WalPosition } from './wal-position.js';
import { WriteBatchCursor } from './write-batch.js';

/** How long a durable record may be unreadable; writes are synced before they count as durable. */
const STALL_MS_MAX = 2_000;

export class WalFollower {
  readonly #dbDir: string;
  readonly #cursor = new WriteBatchCursor();
  #reader: WalFileReader | undefined;
  #position: WalPosition;
  #stalledSince = 0;

  constructor(dbDir: string, position: WalPosition) {
    this.#dbDir = dbDir;
    this.#position = position;
  }

  /** The first batch not yet handed out. */
  get position(): WalPosition {
    return this.#position;
  }

  /**
   * Calls `onRecord` for the records of the next batch, if one is durable.
   * @returns whether there was one
   * @throws EngineError `wal_gap` and `wal_damaged`: durable records are not where they should be
   */
  readBatch(
    durableSequence: number,
    onRecord: (record: WriteBatchCursor, batch: WalPosition) => void,
  ): boolean {
    while (this.#position.sequence <= durableSequence) {
      const reader = this.#open();
      const status = reader.next();
      if (status !== Next.batch) {
        if (this.#moveOn()) continue;
        if (status === Next.bad) throw damaged(reader);
        this.#stall(reader);
        return false;
      }
      // RocksDB writes batches without records; they take no sequence.
      if (reader.count === 0) {
        this.#position = { ...this.#position, offset: reader.offset };
        continue;
      }
      if (reader.sequence + reader.count - 1 > durableSequence) {
        reader.seek(this.#position.offset);
        return false;
      }
      if (reader.sequence !== this.#position.sequence) throw gap(reader, this.#position);
      this.#handOut(reader, onRecord);
      return true;
    }
    return false;
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }

  /** A durable record is not there: soon a fault, since nothing will ever bring it. */
  #stall(reader: WalFileReader): void {
    this.#stalledSince ||= Date.now();
    if (Date.now() - this.#stalledSince < STALL_MS_MAX) return;
    throw new EngineError(
      'wal_gap',
      `sequence ${this.#position.sequence} is durable but in no file: ${walName(reader.file)} ends at ${reader.offset}. Was it cut? Restart: the check at the start says what is lost.`,
    );
  }

  #handOut(
    reader: WalFileReader,
    onRecord: (record: WriteBatchCursor, batch: WalPosition) => void,
  ): void {
    const batch = this.#position;
    this.#stalledSince = 0;
    this.#cursor.reset(reader.bytes, reader.start, reader.end);
    while (this.#cursor.next()) onRecord(this.#cursor, batch);
    if (this.#cursor.problem !== undefined) {
      throw new EngineError(
        'wal_damaged',
        `${walName(reader.file)} at ${batch.offset}: ${this.#cursor.problem}`,
      );
    }
    this.#position = {
      file: reader.file,
      offset: reader.offset,
      sequence: reader.sequence + reader.count,
    };
  }

  #open(): WalFileReader {
    if (this.#reader) return this.#reader;
    const { file, offset } = this.#position;
    this.#reader = WalFileReader.open(this.#dbDir, file, offset);
    if (this.#reader) return this.#reader;
    throw new EngineError(
      'wal_missing',
      `${walName(file)} is needed and is neither in db/ nor in db/archive/: restore the volume.`,
    );
  }

  /** Goes to the next file. @returns false when there is none yet */
  #moveOn(): boolean {
    const next = nextWal(this.#dbDir, this.#position.file);
    if (next === undefined) return false;
    this.close();
    this.#position = { file: next, offset: 0, sequence: this.#position.sequence };
    return true;
  }
}

function gap(reader: WalFileReader, position: WalPosition): EngineError {
  return new EngineError(
    'wal_gap',
    `${walName(reader.file)} at ${position.offset} continues with sequence ${reader.sequence}, expected ${position.sequence}: a log file is missing.`,
  );
}

function damaged(reader: WalFileReader): EngineError {
  return new EngineError(
    'wal_damaged',
    `${walName(reader.file)} at ${reader.problemOffset}: ${reader.problem}, below the durable sequence.`,
  );
}
