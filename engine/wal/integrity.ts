/**
 * Checks the write-ahead log before the database is opened. RocksDB silently opens a log that was
 * truncated, altered or removed, and drops every record after the damage. This check detects it.
 *
 * It reads every file from the lowest one that may matter, verifies every checksum, and requires
 * consecutive sequences, across files, up to the acknowledged mark. One case is normal: a torn
 * tail, which is the write that was under way when the machine stopped, with nothing after it in
 * its file, and the next file continuing with the same sequence.
 */
import type { EngineError } from '../util/errors.js';
import type { Checkpoint } from './checkpoint.js';
import { listWalFiles, type WalFile, walBytes, walName } from './wal-directory.js';
import { findLaterBatch } from './wal-evidence.js';
import { Next, WalFileReader } from './wal-file-reader.js';
import { behindMark, damaged, missing, wrongVolume } from './wal-loss.js';
import type { Mark } from './wal-state.js';

export interface WalCheck {
  readonly dbDir: string;
  /** Identity of the volume that is about to be opened. */
  readonly volume: string;
  readonly checkpoint?: Checkpoint | undefined;
  readonly mark?: Mark | undefined;
  /** Called after each file and every PROGRESS_BYTES within one. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
}

export interface WalCheckResult {
  /** First and last sequence in the files walked; 0 when they hold none. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly files: number;
  readonly records: number;
  /** Files that end in a torn write: one for each crash in the middle of one. */
  readonly tornTails: number;
}

const PROGRESS_BYTES = 64 * 1024 * 1024;

/**
 * Memory: one read buffer, and the largest batch. Throws EngineError `wal_damaged`,
 * `wal_missing`, `wal_behind_mark`, `wrong_volume`, whose messages say where, which
 * sequences, and what to do; `wal_unsupported`, `wal_unreadable`.
 */
export function checkWal(check: WalCheck): WalCheckResult {
  for (const [name, kept] of [
    ['checkpoint', check.checkpoint],
    ['acknowledged mark', check.mark],
  ] as const) {
    if (kept !== undefined && kept.volume !== check.volume)
      throw wrongVolume(name, kept.volume, check.volume);
  }
  const files = filesToWalk(check);
  const walk = new Walk(check, files);
  for (const file of files) walk.file(file.number);
  return walk.finish();
}

/** From the lowest file that the checkpoint, the mark or RocksDB may need; without a checkpoint all. */
function filesToWalk(check: WalCheck): WalFile[] {
  const files = listWalFiles(check.dbDir);
  const { checkpoint, mark } = check;
  if (checkpoint === undefined) return files;
  const live = files.filter((file) => !file.archived).map((file) => file.number);
  const from = Math.min(checkpoint.file, mark?.oldestFile || checkpoint.file, ...live.slice(0, 1));
  return files.filter((file) => file.number >= from);
}

class Walk {
  readonly #check: WalCheck;
  readonly #files: readonly WalFile[];
  readonly #bytesTotal: number;
  #bytesDone = 0;
  #reported = 0;
  #first = 0;
  /** The sequence that must come next; 0 before the first batch. */
  #expected = 0;
  #records = 0;
  #torn: { file: number; offset: number; problem: string } | undefined;
  #tornTails = 0;
  /** Name of the last file walked, and where it ended. */
  #endedAt = 'the start of the log';

  constructor(check: WalCheck, files: readonly WalFile[]) {
    this.#check = check;
    this.#files = files;
    this.#bytesTotal = files.reduce(
      (sum, { number }) => sum + (walBytes(check.dbDir, number) ?? 0),
      0,
    );
  }

  file(number: number): void {
    const reader = WalFileReader.open(this.#check.dbDir, number);
    if (reader === undefined) throw missing(`${walName(number)} disappeared during the check`);
    try {
      for (;;) {
        const status = reader.next();
        if (status === Next.end) break;
        if (status !== Next.batch) {
          this.#judgeBad(reader);
          break;
        }
        if (reader.count > 0) this.#batch(reader);
        this.#progress(reader.offset);
      }
      this.#endedAt = `${walName(number)} at offset ${reader.offset}`;
    } finally {
      reader.close();
    }
    this.#bytesDone += walBytes(this.#check.dbDir, number) ?? 0;
    this.#progress(0, true);
  }

  finish(): WalCheckResult {
    const { checkpoint, mark } = this.#check;
    this.#demandFiles();
    const lastSequence = Math.max(0, this.#expected - 1);
    const acknowledged = Math.max(mark?.sequence ?? 0, (checkpoint?.sequence ?? 1) - 1);
    if (lastSequence < acknowledged) throw this.#lossAtEnd(lastSequence, acknowledged);
    if (checkpoint !== undefined && this.#first > checkpoint.sequence) {
      throw missing(
        `sequences ${checkpoint.sequence} to ${this.#first - 1}, not yet published, are in no file`,
      );
    }
    if (mark !== undefined && this.#first > mark.sequence + 1) {
      throw missing(`sequences ${mark.sequence + 1} to ${this.#first - 1} are in no file`);
    }
    return {
      firstSequence: this.#first,
      lastSequence,
      files: this.#files.length,
      records: this.#records,
      tornTails: this.#tornTails,
    };
  }

  #batch(reader: WalFileReader): void {
    const { sequence, count, file, batchOffset } = reader;
    if (this.#expected === 0) {
      this.#first = sequence;
    } else if (sequence !== this.#expected) {
      throw this.#hole(file, batchOffset, sequence);
    }
    this.#checkpointFits(reader);
    this.#torn = undefined;
    this.#expected = sequence + count;
    this.#records += count;
  }

  #hole(file: number, offset: number, found: number): EngineError {
    const lost = { from: this.#expected, to: found - 1 };
    if (found < this.#expected) {
      return damaged(
        file,
        offset,
        `sequence ${found} where ${this.#expected} should be: files of two histories`,
      );
    }
    if (this.#torn !== undefined) {
      return damaged(this.#torn.file, this.#torn.offset, this.#torn.problem, lost);
    }
    return missing(
      `sequences ${lost.from} to ${lost.to} are in no file: between ${this.#endedAt} and ${walName(file)} at offset ${offset} a file was removed, or the end of one was cut off`,
    );
  }

  /** A bad or cut batch: damage when something was written behind it, else a torn tail. */
  #judgeBad(reader: WalFileReader): void {
    const { file, problemOffset: offset, problem } = reader;
    const expected = this.#expected || 1;
    const later = findLaterBatch(this.#check.dbDir, file, offset, expected, this.#expected === 0);
    if (later !== undefined) {
      const lost = { from: expected, to: Math.max(expected, later.sequence - 1) };
      throw damaged(
        file,
        offset,
        `${problem}, and sequence ${later.sequence} is behind it at offset ${later.offset}`,
        lost,
      );
    }
    this.#torn = { file, offset, problem };
    this.#tornTails++;
  }

  /** The checkpoint's offset must be the border before its sequence. */
  #checkpointFits(reader: WalFileReader): void {
    const { checkpoint } = this.#check;
    if (checkpoint === undefined || checkpoint.file !== reader.file) return;
    const next = reader.sequence + reader.count;
    const fits =
      next <= checkpoint.sequence
        ? reader.offset <= checkpoint.offset
        : reader.batchOffset >= checkpoint.offset && reader.sequence >= checkpoint.sequence;
    if (fits) return;
    throw damaged(
      reader.file,
      reader.batchOffset,
      `sequences ${reader.sequence} to ${next - 1}, which contradicts the checkpoint (sequence ${checkpoint.sequence} at offset ${checkpoint.offset}): not the file it was`,
    );
  }

  /** The checkpoint's file, and the lowest one RocksDB may have needed, must be there. */
  #demandFiles(): void {
    const { checkpoint, mark } = this.#check;
    const demanded = [
      [checkpoint?.file, 'the checkpoint is in it'],
      [mark?.oldestFile, 'rows in it may not be in any table yet'],
    ] as const;
    for (const [number, why] of demanded) {
      if (number === undefined || number === 0) continue;
      if (this.#files.some((file) => file.number === number)) continue;
      throw missing(
        `${walName(number)} is neither in the database's folder nor in its archive, but ${why}`,
      );
    }
  }

  #lossAtEnd(lastSequence: number, acknowledged: number): EngineError {
    const lost = { from: lastSequence + 1, to: acknowledged };
    if (this.#torn !== undefined) {
      return damaged(
        this.#torn.file,
        this.#torn.offset,
        `${this.#torn.problem}, although it was acknowledged`,
        lost,
      );
    }
    return behindMark(this.#endedAt, lost);
  }

  #progress(withinFile: number, always = false): void {
    const done = this.#bytesDone + withinFile;
    if (!always && done - this.#reported < PROGRESS_BYTES) return;
    this.#reported = done;
    this.#check.onProgress?.(done, this.#bytesTotal);
  }
}
