/**
 * From a checked checkout to its answer: claim a slot, encode, publish, and reply when the
 * slot comes back. The replies of one event-loop turn share a publish. At most as many
 * requests wait as the lanes have slots; a full lane is a 503.
 */
import { type CheckoutAccepted, checkoutAccepted } from '../engine/codec/records.js';
import { paymentKey } from '../engine/core/payment.js';
import { MessageKind, WriteResult } from '../engine/journal/messages.js';
import { hashBytes } from '../engine/ring/hash.js';
import { type LaneProducer, NO_SLOT } from '../engine/ring/lane-producer.js';
import { acceptedBody } from './payment-view.js';
import { PROBLEMS } from './problem.js';
import { type Reply, send, sendProblem } from './reply.js';

/** Field names, lengths and array counts on top of the strings of a body. */
const ENCODING_OVERHEAD = 512;

interface Waiting {
  readonly reply: Reply;
  readonly record: CheckoutAccepted;
}

export interface AdmissionCounts {
  add(name: 'accepted' | 'replayed' | 'conflicts' | 'busy', by: number): void;
}

export class Admission {
  readonly #lanes: readonly LaneProducer[];
  readonly #waiting: (Waiting | undefined)[][];
  readonly #counts: AdmissionCounts;
  #publishScheduled = false;
  #inFlight = 0;
  #fences: { readonly open: Set<Waiting>; readonly done: () => void }[] = [];

  constructor(lanes: readonly LaneProducer[], counts: AdmissionCounts) {
    this.#lanes = lanes;
    this.#waiting = lanes.map((lane) => new Array<Waiting | undefined>(lane.memory.slots));
    this.#counts = counts;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** @param bodyBytes the raw body's length, which bounds the record's */
  admit(reply: Reply, record: CheckoutAccepted, bodyBytes: number): void {
    const key = Buffer.from(paymentKey(record.merchant, record.checkout_id), 'latin1');
    const index = (hashBytes(key, 0, key.length) >>> 0) % this.#lanes.length;
    const lane = this.#lanes[index]!;
    const slot = lane.claim(
      Math.min(lane.messageBytesMax, key.length * 2 + bodyBytes + ENCODING_OVERHEAD),
    );
    if (slot === NO_SLOT) {
      this.#counts.add('busy', 1);
      sendProblem(reply, PROBLEMS.busy);
      return;
    }
    const start = lane.payloadStart(slot);
    key.copy(lane.memory.bytes, start);
    const end = checkoutAccepted.encodeInto(record, lane.memory.bytes, start + key.length);
    if (end < 0) {
      sendProblem(reply, PROBLEMS.tooLarge);
      return;
    }
    lane.commit(slot, MessageKind.checkout, key.length, end - start - key.length);
    this.#waiting[index]![slot] = { reply, record };
    this.#inFlight++;
    this.#schedulePublish();
  }

  /** Calls `done` once everything that is in flight now is answered. */
  fence(done: () => void): void {
    const open = new Set(this.#waiting.flat().filter((it) => it !== undefined));
    if (open.size === 0) done();
    else this.#fences.push({ open, done });
  }

  hasAnswers(): boolean {
    return this.#lanes.some((lane) => lane.hasAnswers());
  }

  /** Replies to everything that is durable. */
  collect(): void {
    for (let index = 0; index < this.#lanes.length; index++) {
      const lane = this.#lanes[index]!;
      const waiting = this.#waiting[index]!;
      lane.collect((slot) => {
        const waiter = waiting[slot]!;
        const { reply, record } = waiter;
        waiting[slot] = undefined;
        this.#inFlight--;
        this.#answer(reply, record, lane.memory.result(slot), lane.memory.detail(slot));
        if (this.#fences.length > 0) this.#passed(waiter);
      });
    }
  }

  #passed(waiter: Waiting): void {
    for (const fence of this.#fences) {
      fence.open.delete(waiter);
      if (fence.open.size === 0) fence.done();
    }
    this.#fences = this.#fences.filter((it) => it.open.size > 0);
  }

  #answer(reply: Reply, record: CheckoutAccepted, result: number, acceptedAtMs: number): void {
    if (result === WriteResult.conflict) {
      this.#counts.add('conflicts', 1);
      sendProblem(reply, PROBLEMS.keyReuse);
      return;
    }
    const isReplay = result === WriteResult.replayed;
    this.#counts.add(isReplay ? 'replayed' : 'accepted', 1);
    const headers = {
      'Content-Type': 'application/json',
      Location: `/payments/${record.checkout_id}`,
      'Retry-After': '2',
      ...(isReplay ? { 'Idempotent-Replayed': 'true' } : {}),
    };
    send(
      reply,
      '202 Accepted',
      headers,
      acceptedBody(record, isReplay ? acceptedAtMs : record.accepted_at),
    );
  }

  #schedulePublish(): void {
    if (this.#publishScheduled) return;
    this.#publishScheduled = true;
    setImmediate(() => {
      this.#publishScheduled = false;
      for (const lane of this.#lanes) lane.publish();
    });
  }
}
