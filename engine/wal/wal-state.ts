/**
 * The acknowledged mark: the last sequence that the log must still hold at the next start. It is
 * stored outside the database, best on another volume, because RocksDB cannot detect that its log
 * was truncated or that a file is missing. The mark is synced at an interval; the check cannot
 * detect the loss of records acknowledged after the last sync.
 */
import { DurableFile } from '../util/durable-file.js';
import { isCount } from './wal-position.js';

export interface Mark {
  /** Identity of the volume whose log was marked. */
  readonly volume: string;
  /** A durable sequence, read after the write that has it returned. */
  readonly sequence: number;
  /**
   * The lowest file in `db/` when the mark was made (`oldestLiveWal`): RocksDB may need it
   * to open, although the sequences in it are long published.
   */
  readonly oldestFile: number;
}

/** The mark kept at `path`. */
export function markFile(path: string): DurableFile<Mark> {
  return new DurableFile(path, isMark);
}

function isMark(value: unknown): value is Mark {
  const mark = value as Partial<Mark> | null | undefined;
  return isCount(mark?.sequence) && isCount(mark?.oldestFile) && typeof mark?.volume === 'string';
}
