/**
 * Where the write-ahead log files are. RocksDB writes `db/NNNNNN.log` and renames a file it
 * no longer needs to `db/archive/`, at any instant and only in that direction: so every
 * look-up goes to `db/` first and to the archive after it, and misses nothing.
 */
import { openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../util/errors.js';

export interface WalFile {
  /** Grows from file to file, with holes: tables and manifests are numbered from it too. */
  readonly number: number;
  readonly archived: boolean;
}

const WAL_NAME = /^(\d{6,})\.log$/;

/** `000042.log`. */
export function walName(number: number): string {
  return `${String(number).padStart(6, '0')}.log`;
}

/** The folder into which RocksDB moves files it no longer needs. */
export function archiveDir(dbDir: string): string {
  return join(dbDir, 'archive');
}

/** Every file of both places, by number. A folder that does not exist is empty. */
export function listWalFiles(dbDir: string): WalFile[] {
  const found = new Map<number, WalFile>();
  for (const number of numbersIn(dbDir)) found.set(number, { number, archived: false });
  for (const number of numbersIn(archiveDir(dbDir))) found.set(number, { number, archived: true });
  return [...found.values()].sort((a, b) => a.number - b.number);
}

/** The lowest file in `db/`: RocksDB may need it, and all behind it, to open. */
export function oldestLiveWal(dbDir: string): number | undefined {
  return numbersIn(dbDir)[0];
}

/** The first file behind `number`. */
export function nextWal(dbDir: string, number: number): number | undefined {
  return listWalFiles(dbDir).find((file) => file.number > number)?.number;
}

/** A file descriptor for reading, or undefined when the file is in neither place. */
export function openWal(dbDir: string, number: number): number | undefined {
  return inEitherPlace(dbDir, number, (path) => openSync(path, 'r'));
}

/** Size in bytes, or undefined when the file is in neither place. */
export function walBytes(dbDir: string, number: number): number | undefined {
  return inEitherPlace(dbDir, number, (path) => statSync(path).size);
}

/**
 * Deletes archived files numbered below `number`, and none behind a file that is still in
 * `db/` (RocksDB archives in no particular order). Returns the numbers deleted. Which
 * number is safe: see retention.ts.
 */
export function deleteArchivedBelow(dbDir: string, number: number): number[] {
  const oldestLive = oldestLiveWal(dbDir) ?? number;
  const deleted = numbersIn(archiveDir(dbDir)).filter(
    (value) => value < number && value < oldestLive,
  );
  for (const value of deleted) rmSync(join(archiveDir(dbDir), walName(value)), { force: true });
  return deleted;
}

function inEitherPlace<T>(dbDir: string, number: number, use: (path: string) => T): T | undefined {
  for (const folder of [dbDir, archiveDir(dbDir)]) {
    try {
      return use(join(folder, walName(number)));
    } catch (error) {
      if (!isAbsent(error)) throw unreadable(join(folder, walName(number)), error);
    }
  }
  return undefined;
}

function numbersIn(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw unreadable(folder, error);
  }
  const numbers = names.map((name) => Number(WAL_NAME.exec(name)?.[1] ?? Number.NaN));
  return numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function unreadable(path: string, cause: unknown): EngineError {
  return new EngineError('wal_unreadable', `${path} cannot be read: ${(cause as Error).message}`, {
    cause,
    canRetry: true,
  });
}
