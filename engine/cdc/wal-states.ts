/**
 * The state of the log that is kept on disk outside the database: the CDC checkpoint and the
 * acknowledged mark. Checks the log against both before the database is opened.
 */
import { join } from 'node:path';
import type { EngineConfig } from '../config/config.js';
import { Store } from '../store/store.js';
import type { DurableFile } from '../util/durable-file.js';
import { FailureLog } from '../util/failure-log.js';
import type { Logger } from '../util/log.js';
import { type Checkpoint, checkpointFile } from '../wal/checkpoint.js';
import { checkWal, type WalCheckResult } from '../wal/integrity.js';
import { deleteConsumed } from '../wal/retention.js';
import { oldestLiveWal } from '../wal/wal-directory.js';
import { wrongVolume } from '../wal/wal-loss.js';
import { type Mark, markFile } from '../wal/wal-state.js';

export class Marks {
  readonly checkpoint: DurableFile<Checkpoint>;
  readonly #mark: DurableFile<Mark>;
  readonly #dbDir: string;
  /** What is on disk, as far as this process knows. */
  #saved: Mark | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #failures: FailureLog;

  constructor(config: EngineConfig, logger: Logger) {
    this.checkpoint = checkpointFile(join(config.dataDir, 'cdc-checkpoint.json'));
    this.#mark = markFile(config.markFile);
    this.#dbDir = Store.directory(config.dataDir);
    this.#failures = new FailureLog(logger, 'saving the mark');
  }

  /** Before RocksDB opens the database, which would forget silently what is damaged. */
  checkLog(): WalCheckResult {
    const checkpoint = this.checkpoint.load();
    this.#saved = this.#mark.load();
    const volume = this.#saved?.volume ?? checkpoint?.volume ?? '';
    return checkWal({ dbDir: this.#dbDir, volume, checkpoint, mark: this.#saved });
  }

  /** The database says who it is: both files must be about it. Throws EngineError `wrong_volume`. */
  checkVolume(volume: string): void {
    const checkpoint = this.checkpoint.load();
    if (this.#saved && this.#saved.volume !== volume)
      throw wrongVolume('acknowledged mark', this.#saved.volume, volume);
    if (checkpoint && checkpoint.volume !== volume)
      throw wrongVolume('checkpoint', checkpoint.volume, volume);
  }

  /** Saves the mark at an interval, and archived log files that nobody needs go. */
  start(intervalMs: number, volume: string, durableSequence: () => number): void {
    this.#timer = setInterval(() => void this.#save(volume, durableSequence()), intervalMs);
  }

  /** Never rejects: a full disk or a lack of file descriptors passes, and the next turn saves. */
  async #save(volume: string, sequence: number): Promise<void> {
    try {
      const mark = this.#now(volume, sequence);
      await this.#mark.save(mark);
      this.#saved = mark;
      this.#failures.succeeded();
    } catch (error) {
      this.#failures.failed(error as Error);
    }
  }

  forgetConsumed(checkpoint: Checkpoint): void {
    if (this.#saved) deleteConsumed(this.#dbDir, checkpoint, this.#saved);
  }

  /** Now and blocking: for the end of the process, and after an accepted loss. */
  saveSync(volume: string, sequence: number): void {
    this.#saved = this.#now(volume, sequence);
    this.#mark.saveSync(this.#saved);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #now(volume: string, sequence: number): Mark {
    return { volume, sequence, oldestFile: oldestLiveWal(this.#dbDir) ?? 0 };
  }
}
