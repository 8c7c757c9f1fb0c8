/**
 * The refusals of the log check. Each message says what was found, which sequences are lost, and
 * what the operator can do.
 */
import { EngineError } from '../util/errors.js';
import { walName } from './wal-directory.js';

/** Both ends belong to it. */
export interface LostSequences {
  readonly from: number;
  readonly to: number;
}

const WHAT_TO_DO =
  'Acknowledged payments may be lost, so the engine does not start. Restore the volume (a snapshot taken after the loss is of no use), or recover the shard from Kafka, or start without them: TOLLGATE_ACCEPT_LOSS=on.';

/** `wal_damaged`: a record that was once whole is not. */
export function damaged(
  file: number,
  offset: number,
  found: string,
  lost?: LostSequences,
): EngineError {
  const sequences = lost === undefined ? '' : ` Lost: ${range(lost)} at least.`;
  return new EngineError(
    'wal_damaged',
    `The write-ahead log is damaged: ${walName(file)} at offset ${offset} holds ${found}.${sequences} ${WHAT_TO_DO}`,
  );
}

/** `wal_missing`: a file, or sequences between two files, are not there. */
export function missing(what: string): EngineError {
  return new EngineError(
    'wal_missing',
    `The write-ahead log is incomplete: ${what}. ${WHAT_TO_DO}`,
  );
}

/** `wal_behind_mark`: the log is whole but ends before what was acknowledged. */
export function behindMark(endedAt: string, lost: LostSequences): EngineError {
  return new EngineError(
    'wal_behind_mark',
    `The write-ahead log ends too early: after ${endedAt} comes nothing, but sequence ${lost.to} was acknowledged. Lost: ${range(lost)} at least. Its last file was removed or cut, or this is an old copy of the volume. ${WHAT_TO_DO}`,
  );
}

/** `wrong_volume`: the mark or the checkpoint was made for another database. */
export function wrongVolume(name: string, theirs: string, ours: string): EngineError {
  return new EngineError(
    'wrong_volume',
    `The ${name} belongs to volume ${theirs}, but the database is volume ${ours}. Attach the right volume, or correct TOLLGATE_DATA_DIR and TOLLGATE_MARK_FILE; if the change is meant, move the ${name} away.`,
  );
}

function range(lost: LostSequences): string {
  return lost.from === lost.to ? `sequence ${lost.from}` : `sequences ${lost.from} to ${lost.to}`;
}
