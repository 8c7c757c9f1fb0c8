/**
 * The CDC checkpoint: the lowest position of the write-ahead log that is not yet delivered,
 * never the latest delivery. After a crash publishing begins again there, so what it holds
 * must be synced before the files below it go (retention.ts).
 */
import { DurableFile } from '../util/durable-file.js';
import { isWalPosition, type WalPosition } from './wal-position.js';

export interface Checkpoint extends WalPosition {
  /** Identity of the volume whose log this is a position of. */
  readonly volume: string;
}

/** The checkpoint kept at `path`. */
export function checkpointFile(path: string): DurableFile<Checkpoint> {
  return new DurableFile(path, isCheckpoint);
}

function isCheckpoint(value: unknown): value is Checkpoint {
  return isWalPosition(value) && typeof (value as Partial<Checkpoint>).volume === 'string';
}
