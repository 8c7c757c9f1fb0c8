/**
 * Saves the CDC checkpoint at an interval, and reports the time up to which everything durable is
 * delivered. A failed save, for example on a full disk, is repeated at the next interval.
 */
import type { DurableFile } from '../util/durable-file.js';
import { FailureLog } from '../util/failure-log.js';
import type { Logger } from '../util/log.js';
import type { Checkpoint } from '../wal/checkpoint.js';
import type { WalPosition } from '../wal/wal-position.js';

export interface CheckpointSaverParts {
  readonly file: DurableFile<Checkpoint>;
  readonly volume: string;
  readonly intervalMs: number;
  /** The lowest position that is not delivered yet. */
  readonly lowWater: () => WalPosition;
  readonly durableSequence: () => number;
  /** After each checkpoint that is on disk. */
  readonly onSaved: (checkpoint: Checkpoint) => void;
  readonly logger: Logger;
}

export class CheckpointSaver {
  readonly #parts: CheckpointSaverParts;
  readonly #timer: NodeJS.Timeout;
  /** A moment and the durable sequence then; once all below is delivered, `caughtUpAt` is it. */
  #sample = { at: 0, monotonicMs: 0, sequence: 0 };
  readonly #failures: FailureLog;
  /** Unix milliseconds: all that was durable then is delivered. */
  caughtUpAt = 0;
  #caughtUpMonotonicMs: number | undefined;

  constructor(parts: CheckpointSaverParts) {
    this.#parts = parts;
    this.#failures = new FailureLog(parts.logger, 'saving the checkpoint');
    this.#timer = setInterval(() => void this.#save(), parts.intervalMs);
  }

  /** What is not delivered yet has waited no longer than this; undefined where nothing is known. */
  get waitedMsMax(): number | undefined {
    const since = this.#caughtUpMonotonicMs;
    return since === undefined ? undefined : Math.ceil(performance.now() - since);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Blocking: for the end of the process. */
  saveSync(): void {
    const { file, volume, lowWater } = this.#parts;
    file.saveSync({ ...lowWater(), volume });
  }

  /** Never rejects. */
  async #save(): Promise<void> {
    const { file, volume, lowWater, onSaved } = this.#parts;
    const checkpoint = { ...lowWater(), volume };
    this.#look(checkpoint.sequence);
    try {
      await file.save(checkpoint);
      onSaved(checkpoint);
      this.#failures.succeeded();
    } catch (error) {
      this.#failures.failed(error as Error);
    }
  }

  /** @param delivered everything below it is */
  #look(delivered: number): void {
    if (delivered <= this.#sample.sequence) return;
    this.caughtUpAt = this.#sample.at;
    if (this.#sample.at > 0) this.#caughtUpMonotonicMs = this.#sample.monotonicMs;
    const sequence = this.#parts.durableSequence();
    this.#sample = { at: Date.now(), monotonicMs: performance.now(), sequence: sequence };
  }
}
