/**
 * A writer's loop over its lanes with natural batching: it takes the messages that are there, at
 * most `batchMax`, processes them, answers, and starts again. No timers: an idle system handles a
 * batch of one at once; a busy one collects the next batch while it writes the current one.
 */
import type { LaneConsumer } from './lane-consumer.js';
import type { WaitStrategy } from './wait-strategy.js';

export interface BatchHandler {
  /** One message; its slot belongs to the handler until `onBatchEnd` returns. */
  onMessage(lane: LaneConsumer, slot: number): void;
  /** All messages since the last call; sets every result. Throws only to end the process. */
  onBatchEnd(): void;
}

export class BatchProcessor {
  readonly #lanes: readonly LaneConsumer[];
  readonly #handler: BatchHandler;
  readonly #wait: WaitStrategy;
  readonly #batchMax: number;
  #first = 0;

  constructor(
    lanes: readonly LaneConsumer[],
    handler: BatchHandler,
    wait: WaitStrategy,
    batchMax: number,
  ) {
    this.#lanes = lanes;
    this.#handler = handler;
    this.#wait = wait;
    this.#batchMax = batchMax;
  }

  /** Runs until `stopped()`, which is looked at whenever there is nothing to do. */
  run(stopped: () => boolean): void {
    const hasWork = (): boolean => this.#lanes.some((lane) => lane.hasWork());
    for (;;) {
      if (this.processBatch() > 0) continue;
      if (stopped()) return;
      this.#wait.wait(hasWork);
    }
  }

  /** @returns the number of messages processed */
  processBatch(): number {
    const lanes = this.#lanes;
    let count = 0;
    // Each batch starts at another lane, so that a full batch starves none.
    this.#first = (this.#first + 1) % lanes.length;
    for (let i = 0; i < lanes.length && count < this.#batchMax; i++) {
      const lane = lanes[(this.#first + i) % lanes.length]!;
      count += lane.take(this.#batchMax - count, (slot) => this.#handler.onMessage(lane, slot));
    }
    if (count > 0) this.#handler.onBatchEnd();
    for (const lane of lanes) lane.answer();
    return count;
  }
}
