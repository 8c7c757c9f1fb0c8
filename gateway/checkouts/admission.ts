/**
 * Writes a checked message to the store: claims a slot, encodes, publishes, and answers when the
 * slot is released. Messages of one event-loop turn share one publish. At most as many messages
 * wait as the lanes have slots; a full lane is a 503.
 */

import { hashBytes } from '../../engine/ring/hash.js';
import { type LaneProducer, NO_SLOT } from '../../engine/ring/lane-producer.js';
import { invariant } from '../../engine/util/errors.js';
import { bodyTooLarge, PROBLEMS, type Problem } from '../http/problem.js';

/** A turn with more than this begins the writer's work before its end: both go on at once. */
const PUBLISH_MAX = 32;

/** What is to be made durable, and who hears of it. */
export interface Message {
  /** A MessageKind. */
  readonly kind: number;
  /** Of its row; messages with the same key are written in order. */
  readonly key: Buffer;
  /** An upper bound of the encoded value's bytes. */
  readonly valueBytesMax: number;
  /**
   * Throws when the record cannot be encoded; nothing is stored then.
   * @returns the end of the encoded value, or a negative number when it does not fit
   */
  encodeInto(buffer: Buffer, offset: number): number;
  /** The row is durable. `result` is a WriteResult, which says what `detail` is. Must not throw. */
  onWritten(result: number, detail: number): void;
  /** Nothing is stored. */
  onRefused(problem: Problem): void;
}

export class Admission {
  readonly #lanes: readonly LaneProducer[];
  readonly #waiting: (Message | undefined)[][];
  /** The most bytes that key and value of one message may have. */
  readonly messageBytesMax: number;
  #publishScheduled = false;
  #unpublished = 0;
  #inFlight = 0;
  #fences: { readonly open: Set<Message>; readonly done: () => void }[] = [];

  constructor(lanes: readonly LaneProducer[]) {
    this.#lanes = lanes;
    this.#waiting = lanes.map((lane) => new Array<Message | undefined>(lane.memory.slots));
    this.messageBytesMax = Math.min(...lanes.map((lane) => lane.messageBytesMax));
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  submit(message: Message): void {
    const { key, valueBytesMax } = message;
    const index = (hashBytes(key, 0, key.length) >>> 0) % this.#lanes.length;
    const lane = this.#lanes[index]!;
    if (key.length + valueBytesMax > lane.messageBytesMax) {
      message.onRefused(bodyTooLarge(lane.messageBytesMax));
      return;
    }
    const slot = lane.claim(key.length + valueBytesMax);
    if (slot === NO_SLOT) {
      message.onRefused(PROBLEMS.busy);
      return;
    }
    const start = lane.payloadStart(slot);
    key.copy(lane.memory.bytes, start);
    // If this throws, the claim is void: the next message takes the same slot.
    const end = message.encodeInto(lane.memory.bytes, start + key.length);
    invariant(
      end >= 0 && end <= start + key.length + valueBytesMax,
      'a message fits the room it asked for',
    );
    lane.commit(slot, message.kind, key.length, end - start - key.length);
    this.#waiting[index]![slot] = message;
    this.#inFlight++;
    if (++this.#unpublished >= PUBLISH_MAX) this.#publish();
    else this.#schedulePublish();
  }

  /** Calls `done` once everything that is in flight now is answered. */
  fence(done: () => void): void {
    const open = new Set(this.#waiting.flat().filter((message) => message !== undefined));
    if (open.size === 0) done();
    else this.#fences.push({ open, done });
  }

  hasAnswers(): boolean {
    return this.#lanes.some((lane) => lane.hasAnswers());
  }

  /** Answers everything that is durable. */
  collect(): void {
    for (let index = 0; index < this.#lanes.length; index++) {
      const lane = this.#lanes[index]!;
      const waiting = this.#waiting[index]!;
      lane.collect((slot) => {
        const message = waiting[slot]!;
        waiting[slot] = undefined;
        this.#inFlight--;
        message.onWritten(lane.memory.result(slot), lane.memory.detail(slot));
        if (this.#fences.length > 0) this.#passed(message);
      });
    }
  }

  #passed(message: Message): void {
    for (const fence of this.#fences) {
      fence.open.delete(message);
      if (fence.open.size === 0) fence.done();
    }
    this.#fences = this.#fences.filter((fence) => fence.open.size > 0);
  }

  #schedulePublish(): void {
    if (this.#publishScheduled) return;
    this.#publishScheduled = true;
    setImmediate(() => {
      this.#publishScheduled = false;
      this.#publish();
    });
  }

  #publish(): void {
    this.#unpublished = 0;
    for (const lane of this.#lanes) lane.publish();
  }
}
