/**
 * The producing side of a lane: claim, fill, commit, publish, and later collect the
 * answers and release. One thread only. Several commits may share one publish.
 *
 * Keeps: payload before the atomic store, the store before the ring; a slot is claimed
 * again only after its release.
 */
import { invariant } from '../util/errors.js';
import type { Doorbell } from './doorbell.js';
import { LaneMemory } from './lane-memory.js';
import {
  messageBytesMax,
  PADDING,
  PAYLOAD_OFFSET,
  PUBLISHED_OFFSET,
  RELEASED_OFFSET,
  SLOT_BYTES,
  spanOf,
  WRITTEN_OFFSET,
} from './layout.js';
import { advance, distance, Sequence } from './sequence.js';

/** What `claim` returns when the lane is full: a normal answer. */
export const NO_SLOT = -1;

export class LaneProducer {
  readonly memory: LaneMemory;
  readonly messageBytesMax: number;
  readonly #doorbell: Doorbell;
  readonly #published: Sequence;
  readonly #written: Sequence;
  readonly #released: Sequence;
  #claimed: number;
  #publishedUpTo: number;
  #releasedUpTo: number;

  constructor(memory: SharedArrayBuffer, doorbell: Doorbell) {
    this.memory = new LaneMemory(memory);
    this.messageBytesMax = messageBytesMax(this.memory.slots);
    this.#doorbell = doorbell;
    this.#published = new Sequence(memory, PUBLISHED_OFFSET);
    this.#written = new Sequence(memory, WRITTEN_OFFSET);
    this.#released = new Sequence(memory, RELEASED_OFFSET);
    this.#claimed = this.#published.load();
    this.#publishedUpTo = this.#claimed;
    this.#releasedUpTo = this.#released.load();
  }

  /** Slots claimed and not yet released. */
  get inUse(): number {
    return distance(this.#claimed, this.#releasedUpTo);
  }

  /**
   * Claims room for `bytes` (an upper bound of key and value).
   * @returns the first slot's index, or NO_SLOT
   */
  claim(bytes: number): number {
    invariant(bytes <= this.messageBytesMax, 'a message fits half a lane');
    const { slots, mask } = this.memory;
    const span = spanOf(bytes);
    const slot = this.#claimed & mask;
    const toEnd = slots - slot;
    const padding = span > toEnd ? toEnd : 0;
    if (this.inUse + padding + span > slots) return NO_SLOT;
    if (padding === 0) return slot;
    this.memory.setMessage(slot, padding, PADDING, 0, 0);
    this.#claimed = advance(this.#claimed, padding);
    return 0;
  }

  /** Where the payload (key, then value) of the claimed `slot` starts in `memory.bytes`. */
  payloadStart(slot: number): number {
    return slot * SLOT_BYTES + PAYLOAD_OFFSET;
  }

  /** Fixes the claimed message at its true size. Without a commit the claim is void. */
  commit(slot: number, kind: number, keyBytes: number, valueBytes: number): void {
    const span = spanOf(keyBytes + valueBytes);
    this.memory.setMessage(slot, span, kind, keyBytes, valueBytes);
    this.#claimed = advance(this.#claimed, span);
  }

  /** Hands all that is committed to the writer. */
  publish(): void {
    if (this.#claimed === this.#publishedUpTo) return;
    this.#publishedUpTo = this.#claimed;
    this.#published.store(this.#claimed);
    this.#doorbell.ring();
  }

  hasAnswers(): boolean {
    return this.#written.load() !== this.#releasedUpTo;
  }

  /** Calls `onAnswer(slot)` for every answered message in order, then releases them. */
  collect(onAnswer: (slot: number) => void): void {
    const written = this.#written.load();
    let sequence = this.#releasedUpTo;
    while (sequence !== written) {
      const slot = sequence & this.memory.mask;
      if (this.memory.kind(slot) !== PADDING) onAnswer(slot);
      sequence = advance(sequence, this.memory.span(slot));
    }
    this.#releasedUpTo = sequence;
    this.#released.store(sequence);
  }
}
