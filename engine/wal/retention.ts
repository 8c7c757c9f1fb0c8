/**
 * Which archived write-ahead log files may go. The check at the next start must find, from
 * what is on disk then, a file that holds the mark or directly follows it, the file of the
 * checkpoint, and every file that RocksDB may have needed when the mark was made.
 *
 * So archived files below file N may go once, in synced state,
 *   - the checkpoint is in N or behind it, and a record of its file has been consumed;
 *   - the mark is at or beyond the first sequence of that file;
 *   - N is at most the oldest file that was in `db/` when the mark was made.
 */
import type { Checkpoint } from './checkpoint.js';
import { deleteArchivedBelow } from './wal-directory.js';
import { firstPositionIn } from './wal-position.js';
import type { Mark } from './wal-state.js';

/**
 * The N above, 0 for "nothing". `checkpoint` and `mark` must be what was synced last;
 * `firstSequence` is the first sequence in the checkpoint's file.
 */
export function deletableBelow(
  checkpoint: Checkpoint,
  mark: Mark,
  firstSequence: number | undefined,
): number {
  if (firstSequence === undefined || checkpoint.volume !== mark.volume) return 0;
  const consumed = checkpoint.sequence > firstSequence;
  const marked = mark.sequence >= firstSequence;
  return consumed && marked ? Math.min(checkpoint.file, mark.oldestFile) : 0;
}

/** Applies the rule; returns the numbers of the files deleted. Reads one block and two folders. */
export function deleteConsumed(dbDir: string, checkpoint: Checkpoint, mark: Mark): number[] {
  const first = firstPositionIn(dbDir, checkpoint.file);
  const below = deletableBelow(checkpoint, mark, first?.sequence);
  return below === 0 ? [] : deleteArchivedBelow(dbDir, below);
}
