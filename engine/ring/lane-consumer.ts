/**
 * The writer's side of a lane: takes published messages, and answers a whole batch with one store.
 * One thread only.
 */
import type { Doorbell } from './doorbell.js';
import { LaneMemory } from './lane-memory.js';
import { PADDING, PUBLISHED_OFFSET, WRITTEN_OFFSET } from './layout.js';
import { advance, Sequence } from './sequence.js';

export class LaneConsumer {
  readonly memory: LaneMemory;
  readonly #doorbell: Doorbell;
  readonly #published: Sequence;
  readonly #written: Sequence;
  #taken: number;
  #answered: number;

  /** @param doorbell the producer's, rung when answers are ready */
  constructor(memory: SharedArrayBuffer, doorbell: Doorbell) {
    this.memory = new LaneMemory(memory);
    this.#doorbell = doorbell;
    this.#published = new Sequence(memory, PUBLISHED_OFFSET);
    this.#written = new Sequence(memory, WRITTEN_OFFSET);
    this.#answered = this.#written.load();
    this.#taken = this.#answered;
  }

  hasWork(): boolean {
    return this.#published.load() !== this.#taken;
  }

  /** Calls `onMessage(slot)` for at most `max` published messages. @returns how many */
  take(max: number, onMessage: (slot: number) => void): number {
    const published = this.#published.load();
    let count = 0;
    while (this.#taken !== published && count < max) {
      const slot = this.#taken & this.memory.mask;
      this.#taken = advance(this.#taken, this.memory.span(slot));
      if (this.memory.kind(slot) === PADDING) continue;
      onMessage(slot);
      count++;
    }
    return count;
  }

  /** Hands back everything taken, with the results that were set in the slots. */
  answer(): void {
    if (this.#taken === this.#answered) return;
    this.#answered = this.#taken;
    this.#written.store(this.#taken);
    this.#doorbell.ring();
  }
}
