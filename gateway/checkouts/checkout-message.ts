/** A checked checkout on its way to the store, and its answer: 202, or 422 for a reused id. */
import { type CheckoutAccepted, checkoutAccepted } from '../../engine/codec/records.js';
import { paymentKey } from '../../engine/domain/payment.js';
import { MessageKind, WriteResult } from '../../engine/journal/messages.js';
import { EngineError } from '../../engine/util/errors.js';
import { PROBLEMS, type Problem } from '../http/problem.js';
import { type Reply, send, sendProblem } from '../http/reply.js';
import { BODY_BYTES_MAX } from '../http/schemas.js';
import { acceptedBody } from '../reads/payment-view.js';
import type { Message } from './admission.js';

/** Field names, lengths and array counts on top of the strings of a body. */
const ENCODING_OVERHEAD = 512;
const KEY_BYTES_MAX = 256;
/** Every lane must take a message of this size. */
export const CHECKOUT_BYTES_MAX = BODY_BYTES_MAX + ENCODING_OVERHEAD + 2 * KEY_BYTES_MAX;

export interface CheckoutCounts {
  add(name: 'accepted' | 'replayed' | 'conflicts' | 'busy', by: number): void;
}

export class CheckoutMessage implements Message {
  readonly kind = MessageKind.checkout;
  readonly key: Buffer;
  readonly valueBytesMax: number;
  readonly #reply: Reply;
  readonly #record: CheckoutAccepted;
  readonly #counts: CheckoutCounts;

  /** @param bodyBytes the raw body's length, which bounds the record's */
  constructor(reply: Reply, record: CheckoutAccepted, bodyBytes: number, counts: CheckoutCounts) {
    this.key = Buffer.from(paymentKey(record.merchant, record.checkout_id), 'latin1');
    this.valueBytesMax = this.key.length + bodyBytes + ENCODING_OVERHEAD;
    this.#reply = reply;
    this.#record = record;
    this.#counts = counts;
  }

  encodeInto(buffer: Buffer, offset: number): number {
    return checkoutAccepted.encodeInto(this.#record, buffer, offset);
  }

  onWritten(result: number, acceptedAtMs: number): void {
    this.#reply.run(() => this.#answer(result, acceptedAtMs));
  }

  onRefused(problem: Problem): void {
    this.#counts.add('busy', 1);
    sendProblem(this.#reply, problem);
  }

  #answer(result: number, acceptedAtMs: number): void {
    if (result === WriteResult.conflict) {
      this.#counts.add('conflicts', 1);
      sendProblem(this.#reply, PROBLEMS.keyReuse);
      return;
    }
    if (result === WriteResult.damaged)
      throw new EngineError('undecodable', 'the stored checkout cannot be decoded');
    const isReplay = result === WriteResult.replayed;
    this.#counts.add(isReplay ? 'replayed' : 'accepted', 1);
    const headers: Record<string, string> = {
      'Content-Type': 'application/json',
      Location: `/payments/${this.#record.checkout_id}`,
      'Retry-After': '2',
    };
    if (isReplay) headers['Idempotent-Replayed'] = 'true';
    const at = isReplay ? acceptedAtMs : this.#record.accepted_at;
    send(this.#reply, '202 Accepted', headers, acceptedBody(this.#record, at));
  }
}
