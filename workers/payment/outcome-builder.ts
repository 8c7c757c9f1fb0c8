/**
 * Turns a provider's answer, or its absence, into the row to write and what happens to the work.
 * Pure except for ids and jitter; only the state machine decides a status.
 */

import type { RetryTicket } from '../../engine/codec/records.js';
import { retryTicket } from '../../engine/codec/records.js';
import { isTerminal, paymentKey } from '../../engine/domain/payment.js';
import { newUlid } from '../../engine/domain/ulid.js';
import type { Ask } from '../postgres/claims.js';
import type { PostgresClock } from '../postgres/clock.js';
import type { OutcomeRow } from '../postgres/outcomes.js';
import type { PspAnswer, PspRequest } from '../psp/port.js';
import type { TaskResult, WorkerSettings } from '../tasks.js';
import type { TurnedAway } from './provider-guard.js';
import {
  delayAfterFailure,
  delayOfAsk,
  delayWhileWaiting,
  failureReason,
  recordOf,
  sweepGraceMs,
} from './retry-policy.js';
import { type Judgement, judge, type Operation, type PaymentFacts } from './state-machine.js';

const DETAIL_CHARS_MAX = 500;

export interface Call {
  readonly operation: Operation;
  readonly request: PspRequest;
  readonly answer: PspAnswer;
  /** Before it, surely nobody had the charge. */
  readonly wasNeverSent: boolean;
}

export interface Settlement {
  readonly row: OutcomeRow;
  readonly result: TaskResult;
}

export class Settlements {
  readonly #settings: WorkerSettings;
  readonly #replaysErrors: (provider: string) => boolean;
  readonly #clock: Pick<PostgresClock, 'now' | 'agrees' | 'trustedSince'>;

  constructor(
    settings: WorkerSettings,
    replaysErrors: (provider: string) => boolean,
    clock: Pick<PostgresClock, 'now' | 'agrees' | 'trustedSince'>,
  ) {
    this.#settings = settings;
    this.#replaysErrors = replaysErrors;
    this.#clock = clock;
  }

  /** @param waitMs an answer that only says "not yet": when to ask again */
  afterCall(ask: Ask, call: Call, waitMs: number | null = null): Settlement {
    const { operation, answer } = call;
    const reason = operation === 'cancel' ? 'action_expired' : undefined;
    const evidence = { kind: 'answer' as const, operation, answer, ...(reason ? { reason } : {}) };
    const judgement = judge(factsOf(ask, call.wasNeverSent), evidence);
    const row = this.#rowOf(ask, call, judgement);
    if (judgement.kind === 'moves') {
      const outcome = isTerminal(judgement.status) ? judgement.status : 'requires_action';
      return { row, result: { kind: 'done', outcome } };
    }
    if (judgement.kind === 'dropped' && judgement.why === 'other_amount')
      return { row, result: this.#dead(ask, 'other_amount', detailOf(answer), false) };
    if (waitMs !== null) return { row: { ...row, ask_after_ms: waitMs }, result: done('not_yet') };
    if (hasFailed(call)) return this.#afterFailure(ask, call, row);
    if (this.#isOverdue(ask))
      return { row, result: this.#dead(ask, 'not_finished', detailOf(answer), false) };
    return { row, result: done('pending') };
  }

  /** Nothing was sent: the provider takes no calls, or not so many. */
  turnedAway(ask: Ask, why: TurnedAway, wasNeverSent: boolean): Settlement {
    const now = this.#clock.now;
    const { retryDelays, providerWaitMs } = this.#settings;
    const isFirst = ask.waitingSince === null;
    const waitingSince = ask.waitingSince ?? now;
    // What Postgres dated before its clock stepped says nothing of how long it has waited.
    const waitedMs = now - Math.max(waitingSince, this.#clock.trustedSince);
    const ms = delayWhileWaiting(retryDelays, isFirst);
    const grace = sweepGraceMs(ask.waitingSince, now);
    const row: OutcomeRow = {
      ...nothingHappened(ask),
      never_sent: wasNeverSent,
      is_waiting: true,
      ask_after_ms: ms + grace,
    };
    if (this.#clock.agrees && waitedMs > providerWaitMs)
      return { row, result: this.#dead(ask, 'provider_unavailable', why, wasNeverSent) };
    const result = this.#retry({ ...ask, waitingSince }, why, ms, grace, wasNeverSent);
    return { row, result };
  }

  /** The deadline has passed and nothing was sent. */
  expired(ask: Ask): Settlement {
    const judgement = judge(factsOf(ask, true), { kind: 'deadline_passed' });
    const row = { ...nothingHappened(ask), ...moveOf(judgement), source: 'deadline' };
    return { row: { ...row, never_sent: true, ask_after_ms: null }, result: done('expired') };
  }

  /** A row that was inserted while its provider takes no calls. */
  firstWait(ask: Ask, ms: number, grace: number): TaskResult {
    const waiting = { ...ask, waitingSince: this.#clock.now };
    return this.#retry(waiting, 'breaker_open', ms, grace, true);
  }

  /** It cannot be handled: a person must help. */
  refused(ask: Ask, reason: string, detail: string): TaskResult {
    return this.#dead(ask, reason, detail, ask.firstSentAt === null);
  }

  #afterFailure(ask: Ask, call: Call, row: OutcomeRow): Settlement {
    const { retryDelays, attemptsMax } = this.#settings;
    const reason = failureReason(call.answer);
    const wasNeverSent = row.never_sent;
    const tries = ask.tries + 1;
    const ms = delayAfterFailure(retryDelays, tries, call.answer.retryAfterMs);
    const grace = sweepGraceMs(null, this.#clock.now);
    const failed = { ...row, is_failure: true, ask_after_ms: ms + grace };
    const now = { ...ask, tries, waitingSince: null };
    const result =
      tries < attemptsMax
        ? this.#retry(now, reason, ms, grace, wasNeverSent)
        : this.#dead(now, reason, detailOf(call.answer), wasNeverSent);
    return { row: failed, result };
  }

  #rowOf(ask: Ask, call: Call, judgement: Judgement): OutcomeRow {
    const { operation, request, answer, wasNeverSent } = call;
    const { idempotencyKey, ...rest } = request;
    const isOver = judgement.kind === 'moves' && isTerminal(judgement.status);
    return {
      ...nothingHappened(ask),
      ...moveOf(judgement),
      source: ask.asks === 0 ? 'charge' : 'ask',
      provider_reference: operation === 'refund' ? null : answer.reference,
      next_action: answer.nextAction,
      ask_after_ms: isOver ? null : this.#askAfterMs(ask, judgement.kind === 'moves'),
      never_sent: wasNeverSent && answer.outcome === 'not_sent',
      find_only: this.#isKeyUseless(ask, call),
      action_expires_ms: this.#settings.actionExpiresMs,
      call_id: newUlid(),
      operation,
      idempotency_key: idempotencyKey,
      request: rest,
      response: answer.response,
      http_status: answer.httpStatus,
      outcome: answer.outcome,
    };
  }

  /** The provider has it for so long that a person must look; not while the payer has time. */
  #isOverdue(ask: Ask): boolean {
    const { now, agrees } = this.#clock;
    if (!agrees || ask.lastSentAt === null || (ask.actionExpiresAt ?? 0) > now) return false;
    return now - ask.lastSentAt > this.#settings.pendingMaxMs;
  }

  /** The key would replay an error, or be refused again: it says nothing any more. */
  #isKeyUseless(ask: Ask, { operation, answer }: Call): boolean {
    if (operation !== 'charge') return false;
    if (answer.problem === 'key_conflict') return true;
    return (answer.httpStatus ?? 0) >= 500 && this.#replaysErrors(ask.provider);
  }

  /** Never long after the payer's time is over. */
  #askAfterMs(ask: Ask, hasMoved: boolean): number {
    const pendingMs = ask.lastSentAt === null ? 0 : this.#clock.now - ask.lastSentAt;
    const ms = delayOfAsk(this.#settings.askAfterMs, hasMoved ? 0 : ask.asks, pendingMs);
    const expiresAt = hasMoved
      ? this.#clock.now + this.#settings.actionExpiresMs
      : ask.actionExpiresAt;
    return expiresAt === null ? ms : Math.max(0, Math.min(ms, expiresAt - this.#clock.now));
  }

  #retry(ask: Ask, reason: string, ms: number, grace: number, neverSent: boolean): TaskResult {
    const now = this.#clock.now;
    const ticket = ticketOf(ask, reason, neverSent, now + ms, now + ms + grace);
    return { kind: 'retry', reason, ...recordOf(this.#settings.retryDelays, ticket, now) };
  }

  #dead(ask: Ask, reason: string, detail: string, neverSent: boolean): TaskResult {
    const judgement = judge(factsOf(ask, neverSent), { kind: 'dead_lettered', reason });
    const now = this.#clock.now;
    return {
      kind: 'dead',
      reason,
      detail,
      attempts: ask.tries,
      value: retryTicket.encode(ticketOf(ask, reason, neverSent, now, now)),
      payment: {
        merchant: ask.merchant,
        checkoutId: ask.checkoutId,
        version: ask.version,
        event: judgement.kind === 'noted' ? judgement.reason : reason,
      },
    };
  }
}

function ticketOf(
  ask: Ask,
  reason: string,
  neverSent: boolean,
  dueAt: number,
  sweepAt: number,
): RetryTicket {
  return {
    merchant: ask.merchant,
    checkout_id: ask.checkoutId,
    asks: ask.asks,
    due_at: dueAt,
    provider: ask.provider,
    never_sent: neverSent,
    accepted_at: ask.acceptedAt,
    waiting_since: ask.waitingSince,
    sweep_at: sweepAt,
    reason,
  };
}

function hasFailed({ operation, answer }: Call): boolean {
  if (answer.problem !== null) return true;
  // A charge that the provider itself has named is not there any more.
  return operation === 'find' && answer.outcome === 'declined';
}

function detailOf({ httpStatus, response }: PspAnswer): string {
  return `${httpStatus ?? 'no status'} ${JSON.stringify(response)}`.slice(0, DETAIL_CHARS_MAX);
}

function moveOf(judgement: Judgement): Pick<OutcomeRow, 'status' | 'reason' | 'failure_code'> {
  if (judgement.kind !== 'moves') return { status: null, reason: null, failure_code: null };
  return {
    status: judgement.status,
    reason: judgement.reason,
    failure_code: judgement.failureCode,
  };
}

function factsOf(ask: Ask, wasNeverSent: boolean): PaymentFacts {
  return {
    status: ask.status,
    amountMinor: ask.amount,
    currency: ask.currency,
    refundedMinor: 0,
    disputedMinor: 0,
    reference: ask.providerReference,
    wasNeverSent,
    deadReason: null,
  };
}

function nothingHappened(ask: Ask): OutcomeRow {
  return {
    key: paymentKey(ask.merchant, ask.checkoutId),
    merchant: ask.merchant,
    checkout_id: ask.checkoutId,
    version: ask.version,
    asks: ask.asks,
    status: null,
    reason: null,
    source: 'ask',
    provider: ask.provider,
    provider_reference: null,
    failure_code: null,
    next_action: null,
    ask_after_ms: 0,
    never_sent: false,
    is_failure: false,
    is_waiting: false,
    find_only: false,
    action_expires_ms: 0,
    call_id: null,
    operation: 'charge',
    attempt: ask.attempt,
    idempotency_key: ask.idempotencyKey,
    request: {},
    response: null,
    http_status: null,
    outcome: null,
  };
}

function done(outcome: string): TaskResult {
  return { kind: 'done', outcome };
}
