/**
 * Decides where publishing begins, and whether rows that may be in no log must be published again.
 */
import { EngineError } from '../util/errors.js';
import type { Checkpoint } from '../wal/checkpoint.js';
import { listWalFiles } from '../wal/wal-directory.js';
import { firstPosition, locate, type WalPosition } from '../wal/wal-position.js';

export interface CdcStart {
  readonly position: WalPosition;
  /** Why what has no terminal status is published again from the tables; undefined: no need. */
  readonly rescan: string | undefined;
}

/**
 * With a checkpoint: there. Without: at the log's first record, and when that is not the
 * first there ever was, the tables are needed too. After an accepted loss: behind what is
 * durable now, and all the rest from the tables.
 */
export function cdcStart(
  dbDir: string,
  durableSequence: number,
  checkpoint: Checkpoint | undefined,
  isLossAccepted: boolean,
): CdcStart {
  if (isLossAccepted) {
    const position = locate(dbDir, durableSequence + 1) ?? newestFile(dbDir, durableSequence + 1);
    return { position, rescan: 'a loss was accepted' };
  }
  if (checkpoint !== undefined) return { position: checkpoint, rescan: undefined };
  const first = firstPosition(dbDir) ?? newestFile(dbDir, durableSequence + 1);
  return {
    position: first,
    rescan: first.sequence > 1 ? 'the checkpoint is lost and the log begins later' : undefined,
  };
}

function newestFile(dbDir: string, sequence: number): WalPosition {
  const newest = listWalFiles(dbDir).at(-1);
  if (newest === undefined)
    throw new EngineError('wal_missing', `${dbDir} holds no write-ahead log`);
  return { file: newest.number, offset: 0, sequence };
}
