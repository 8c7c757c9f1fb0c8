/**
 * Handles a capture of a payment that is failed, canceled, or paid by another charge: looks it up
 * at the provider once, then books and reverses it with its own idempotency key. A webhook alone
 * moves no money. The refund's intent is committed before its first byte is sent; after a crash
 * the refund is looked up before anything is sent.
 */
import type pg from 'pg';
import { retryTicket } from '../../engine/codec/records.js';
import { newUlid } from '../../engine/domain/ulid.js';
import { monotonicMs } from '../postgres/clock.js';
import {
  beginReversal,
  endLateCapture,
  type LateCapture,
  type LateCaptureState,
  lookLater,
  recordReversal,
} from '../postgres/late-captures.js';
import { recordCall } from '../postgres/psp-calls.js';
import { commandKey, type Psp, type PspAnswer, type PspRequest } from '../psp/port.js';
import type { TaskResult } from '../tasks.js';
import { SEND_WITHIN_MS } from './next-action.js';
import type { Gate } from './provider-guard.js';

export const CAPTURED_AFTER_END = 'captured_after_end';
const WAIT_MS_MIN = 2_000;
const WAIT_MS_MAX = 3_600_000;
const DETAIL_CHARS_MAX = 500;

export interface LateCaptureParts {
  readonly pool: pg.Pool;
  readonly psps: ReadonlyMap<string, Psp>;
  readonly gates: ReadonlyMap<string, Gate>;
  readonly pspTimeoutMs: number;
}

export class LateCaptures {
  readonly #parts: LateCaptureParts;

  constructor(parts: LateCaptureParts) {
    this.#parts = parts;
  }

  /** The next step of one that is claimed. */
  async step(capture: LateCapture): Promise<TaskResult> {
    const psp = this.#parts.psps.get(capture.provider);
    if (!psp) return this.#later(capture, capture.state, 'its provider is not configured');
    switch (capture.state) {
      case 'suspected':
        return this.#confirm(capture, psp);
      case 'confirmed':
        return this.#refund(capture, psp, capture.attempt);
      case 'reversing':
        return this.#goOn(capture, psp);
      default:
        return done(capture.state);
    }
  }

  async #confirm(capture: LateCapture, psp: Psp): Promise<TaskResult> {
    if (capture.isPaidByIt)
      return this.#end(capture, 'suspected', 'unfounded', 'the payment was paid by it');
    if (capture.paymentStatus === 'processing' || capture.paymentStatus === 'requires_action')
      return this.#later(capture, 'suspected', 'the payment has not ended');
    const answer = await this.#call(capture, 'find', (request) =>
      psp.find({ ...request, operation: 'charge', reference: capture.reference }),
    );
    if (answer === undefined)
      return this.#later(capture, 'suspected', 'its provider takes no calls');
    if (answer.outcome === 'approved') return this.#confirmed(capture, answer);
    const isAbsent = answer.failureCode === 'not_found';
    const isTooEarly = isAbsent && capture.now < capture.createdAt + psp.findLagMs;
    if (answer.outcome === 'declined' && !isTooEarly)
      return this.#end(capture, 'suspected', 'unfounded', answer.failureCode ?? 'declined');
    return this.#later(capture, 'suspected', detailOf(answer));
  }

  /** The letter goes out first, then the row is marked: see the task runner. */
  async #confirmed(capture: LateCapture, answer: PspAnswer): Promise<TaskResult> {
    const { amountMinor, currency, payment } = answer;
    const isOurs = payment === `${capture.merchant}/${capture.checkoutId}`;
    if (!isOurs || amountMinor === null || amountMinor <= 0 || currency === null)
      return this.#end(capture, 'suspected', 'unfounded', 'the charge is not of this payment');
    const { merchant, checkoutId, provider, reference } = capture;
    const paid = `${amountMinor} ${currency} captured by ${provider} as ${reference}`;
    const lateCapture = { provider, reference, amountMinor, currency };
    return {
      kind: 'dead',
      reason: CAPTURED_AFTER_END,
      detail: `${paid}; the payment is ${capture.paymentStatus}`,
      attempts: capture.tries,
      value: letterOf(capture),
      payment: { merchant, checkoutId, version: 0, event: CAPTURED_AFTER_END, lateCapture },
    };
  }

  /** Intent, call, result. */
  async #refund(capture: LateCapture, psp: Psp, attempt: number): Promise<TaskResult> {
    const until = monotonicMs() + SEND_WITHIN_MS;
    if (!(await beginReversal(this.#parts.pool, capture, attempt))) return done('superseded');
    const begun = { ...capture, state: 'reversing' as const, attempt, sentAt: capture.now };
    const refund = (request: PspRequest): Promise<PspAnswer> =>
      psp.refund({ ...request, reference: capture.reference });
    const answer = await this.#call(begun, 'refund', refund, until);
    if (answer === undefined) return this.#later(begun, 'reversing', 'its provider takes no calls');
    return this.#judge(begun, answer);
  }

  /** A refund may have been sent: it is looked for before another one may begin. */
  async #goOn(capture: LateCapture, psp: Psp): Promise<TaskResult> {
    const answer = await this.#call(capture, 'find', (request) =>
      psp.find({ ...request, operation: 'refund', reference: capture.reference }),
    );
    if (answer === undefined)
      return this.#later(capture, 'reversing', 'its provider takes no calls');
    if (answer.failureCode !== 'not_found') return this.#judge(capture, answer);
    const arrivedBy = (capture.sentAt ?? capture.now) + SEND_WITHIN_MS + this.#parts.pspTimeoutMs;
    const provesFrom = arrivedBy + psp.findLagMs;
    if (capture.now >= provesFrom) return this.#refund(capture, psp, capture.attempt + 1);
    return this.#later(capture, 'reversing', 'no refund is seen yet');
  }

  async #judge(capture: LateCapture, answer: PspAnswer): Promise<TaskResult> {
    if (answer.outcome === 'approved') {
      await recordReversal(this.#parts.pool, capture, answer.reference);
      return done('reversed');
    }
    // Refused for good: it stays a dead letter, and a redrive tries again with a new key.
    if (answer.outcome === 'declined')
      return this.#end(capture, 'reversing', 'confirmed', answer.failureCode ?? 'declined');
    return this.#later(capture, 'reversing', detailOf(answer));
  }

  /** @returns undefined when nothing was sent */
  async #call(
    capture: LateCapture,
    operation: 'find' | 'refund',
    call: (request: PspRequest) => Promise<PspAnswer>,
    until = Number.POSITIVE_INFINITY,
  ): Promise<PspAnswer | undefined> {
    const request: PspRequest = {
      merchant: capture.merchant,
      checkoutId: capture.checkoutId,
      idempotencyKey: reversalKey(capture),
      amountMinor: capture.amount ?? capture.paymentAmount,
      currency: capture.currency ?? capture.paymentCurrency,
    };
    const answer = await this.#parts.gates.get(capture.provider)!.run(() => call(request), until);
    if (typeof answer === 'string') return undefined;
    const { idempotencyKey, ...rest } = request;
    await recordCall(this.#parts.pool, {
      call_id: newUlid(),
      merchant: capture.merchant,
      checkout_id: capture.checkoutId,
      provider: capture.provider,
      operation,
      attempt: capture.attempt,
      idempotency_key: idempotencyKey,
      request: { ...rest, reference: capture.reference },
      response: answer.response,
      http_status: answer.httpStatus,
      outcome: answer.outcome,
    });
    return answer;
  }

  async #later(capture: LateCapture, state: LateCaptureState, detail: string): Promise<TaskResult> {
    const waitMs = Math.min(WAIT_MS_MIN * 2 ** Math.min(capture.tries, 20), WAIT_MS_MAX);
    await lookLater(this.#parts.pool, capture, state, waitMs, detail);
    return done('waits');
  }

  async #end(
    capture: LateCapture,
    from: LateCaptureState,
    to: 'unfounded' | 'confirmed',
    detail: string,
  ): Promise<TaskResult> {
    await endLateCapture(this.#parts.pool, capture, from, to, detail);
    return done(to === 'unfounded' ? 'unfounded' : 'not_reversed');
  }
}

/** One key for one refund of one charge, whoever sends it. */
export function reversalKey(
  pick: Pick<LateCapture, 'merchant' | 'checkoutId' | 'reference' | 'attempt'>,
): string {
  const command = `${CAPTURED_AFTER_END}-${pick.reference}-${pick.attempt}`;
  return commandKey(pick.merchant, pick.checkoutId, 'refund', command);
}

/** So that the queue's list knows the payment. */
function letterOf(capture: LateCapture): Uint8Array {
  return retryTicket.encode({
    merchant: capture.merchant,
    checkout_id: capture.checkoutId,
    asks: 0,
    due_at: capture.now,
    provider: capture.provider,
    never_sent: false,
    accepted_at: capture.createdAt,
    waiting_since: null,
    sweep_at: capture.now,
    reason: CAPTURED_AFTER_END,
  });
}

function detailOf({ httpStatus, problem, response }: PspAnswer): string {
  const what = problem ?? 'not done';
  return `${what}: ${httpStatus ?? 'no status'} ${JSON.stringify(response)}`.slice(
    0,
    DETAIL_CHARS_MAX,
  );
}

function done(outcome: string): TaskResult {
  return { kind: 'done', outcome: `late_capture_${outcome}` };
}
