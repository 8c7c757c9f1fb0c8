/**
 * One payment at a time through: intent, call, outcome. No intent committed, no call. What
 * is in Postgres is the truth; this class holds nothing between two tasks.
 */
import { ulid } from 'ulid';
import { type CheckoutAccepted, checkoutAccepted } from '../../engine/codec/records.js';
import { maskCardData, maskCardValues } from '../../engine/core/card-mask.js';
import { isTerminal, paymentKey } from '../../engine/core/payment.js';
import type { OriginSource } from '../../engine/core/topics.js';
import type { Ask } from '../postgres/asks.js';
import type { Batcher } from '../postgres/batcher.js';
import type { IntentResult, IntentRow } from '../postgres/intents.js';
import type { OutcomeRow } from '../postgres/outcomes.js';
import { type ChargeRequest, chargeKey, type Psp, type PspAnswer } from '../psp/port.js';
import { judge, type PaymentFacts } from './state-machine.js';
import type { TaskResult, WorkerSettings } from './tasks.js';

const ASK_AFTER_MS_MAX = 300_000;
/** Beyond the longest call: only a maker that died leaves its intent for an ask. */
const INTENT_GRACE_MS = 2_000;
/** Of a provider's key window, the part that is trusted: clocks and queues take the rest. */
const KEY_WINDOW_TRUSTED = 0.9;

export interface ExecutorParts {
  readonly settings: WorkerSettings;
  readonly psps: ReadonlyMap<string, Psp>;
  readonly intents: Batcher<IntentRow, IntentResult>;
  readonly outcomes: Batcher<OutcomeRow, boolean>;
}

export class Executor {
  readonly #parts: ExecutorParts;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  /** A record of `payments.accepted`. Throws EngineError `undecodable`. */
  async accepted(value: Uint8Array, source: OriginSource): Promise<TaskResult> {
    const checkout = checkoutAccepted.decode(Buffer.from(value));
    const intent = this.#intentOf(checkout, source !== 'wal');
    const result = await this.#parts.intents.add(intent);
    if (result === 'conflict') {
      const detail = 'the same id with another meaning is recorded';
      return { kind: 'dead', reason: 'conflicting_checkout', detail };
    }
    if (result === 'known' || intent.status === 'failed') return done(result);
    return this.#charge({
      merchant: checkout.merchant,
      checkoutId: checkout.checkout_id,
      version: 1,
      status: 'processing',
      amount: checkout.amount,
      currency: checkout.currency,
      paymentMethod: checkout.payment_method,
      provider: intent.provider,
      providerReference: null,
      attempt: 1,
      idempotencyKey: intent.idempotency_key,
      firstSentAt: Date.now(),
      wasNeverSent: true,
      acceptedAt: checkout.accepted_at,
      asks: 0,
    });
  }

  /** A payment whose provider must be asked; the claim is committed. */
  async ask(ask: Ask): Promise<TaskResult> {
    if (ask.wasNeverSent && Date.now() - ask.acceptedAt > this.#parts.settings.deadlineMs) {
      return this.#expire(ask);
    }
    return this.#charge(ask);
  }

  #intentOf(checkout: CheckoutAccepted, republish: boolean): IntentRow {
    const { settings, psps } = this.#parts;
    const { merchant, checkout_id } = checkout;
    const provider = providerOf(checkout);
    const isKnown = psps.has(provider);
    const isLate = Date.now() - checkout.accepted_at > settings.deadlineMs;
    const refusal = isLate ? 'expired' : isKnown ? null : 'provider_not_configured';
    return {
      key: paymentKey(merchant, checkout_id),
      merchant,
      checkout_id,
      shard: checkout.shard,
      fingerprint: checkout.fingerprint.toString('hex'),
      amount: checkout.amount,
      currency: checkout.currency,
      payment_method: checkout.payment_method,
      provider,
      idempotency_key: chargeKey(merchant, checkout_id, 1),
      accepted_ms: checkout.accepted_at,
      status: refusal ? 'failed' : 'processing',
      reason: refusal ?? 'charge_started',
      failure_code: refusal,
      ask_after_ms: settings.pspTimeoutMs + INTENT_GRACE_MS,
      republish,
    };
  }

  async #charge(ask: Ask): Promise<TaskResult> {
    const psp = this.#parts.psps.get(ask.provider);
    if (!psp) return { kind: 'dead', reason: 'provider_not_configured', detail: ask.provider };
    const request: ChargeRequest = {
      merchant: ask.merchant,
      checkoutId: ask.checkoutId,
      idempotencyKey: ask.idempotencyKey,
      amountMinor: ask.amount,
      currency: ask.currency,
      paymentMethod: ask.paymentMethod,
    };
    const operation = operationFor(ask, psp);
    const answer = withoutCardData(
      await (operation === 'charge'
        ? psp.charge(request)
        : psp.find({ ...request, operation: 'charge', reference: ask.providerReference })),
    );
    const row = this.#outcomeRow(ask, request, operation, answer);
    const isApplied = await this.#parts.outcomes.add(row);
    return done(isApplied ? (row.status ?? answer.outcome) : 'superseded');
  }

  #outcomeRow(
    ask: Ask,
    request: ChargeRequest,
    operation: 'charge' | 'find',
    answer: PspAnswer,
  ): OutcomeRow {
    const judgement = judge(factsOf(ask), { kind: 'answer', operation, answer });
    const transition = judgement.kind === 'moves' ? judgement : undefined;
    return {
      ...identity(ask),
      status: transition?.status ?? null,
      reason: transition?.reason ?? null,
      source: ask.asks === 0 ? 'charge' : 'ask',
      provider_reference: answer.reference,
      failure_code: transition?.failureCode ?? null,
      next_action: answer.nextAction,
      ask_after_ms: transition && isTerminal(transition.status) ? null : this.#askAfterMs(ask.asks),
      never_sent: ask.wasNeverSent && answer.outcome === 'not_sent',
      call_id: ulid(),
      operation,
      request: { ...request, idempotencyKey: undefined },
      response: answer.response,
      http_status: answer.httpStatus,
      outcome: answer.outcome,
    };
  }

  async #expire(ask: Ask): Promise<TaskResult> {
    await this.#parts.outcomes.add({
      ...identity(ask),
      status: 'failed',
      reason: 'expired',
      source: 'deadline',
      provider_reference: null,
      failure_code: 'expired',
      next_action: null,
      ask_after_ms: null,
      never_sent: true,
      call_id: null,
      operation: 'charge',
      request: {},
      response: null,
      http_status: null,
      outcome: null,
    });
    return done('expired');
  }

  #askAfterMs(asks: number): number {
    const wait = Math.min(
      this.#parts.settings.askAfterMs * 2 ** Math.min(asks, 20),
      ASK_AFTER_MS_MAX,
    );
    return Math.round(wait * (0.9 + Math.random() * 0.2));
  }
}

/** A provider may say anything; the reference alone is kept as it is, for it names the charge. */
function withoutCardData(answer: PspAnswer): PspAnswer {
  const failureCode = answer.failureCode === null ? null : maskCardData(answer.failureCode);
  return {
    ...answer,
    failureCode,
    nextAction: maskCardValues(answer.nextAction),
    response: maskCardValues(answer.response),
  };
}

function done(outcome: string): TaskResult {
  return { kind: 'done', outcome };
}

function providerOf(checkout: CheckoutAccepted): string {
  if (checkout.payment_method.startsWith('wallet_')) return 'wallet';
  return checkout.provider === 'auto' ? 'simulator' : checkout.provider;
}

/** With a reference the provider can be asked; without one the same key, inside its window. */
function operationFor(ask: Ask, psp: Psp): 'charge' | 'find' {
  const isInWindow = Date.now() - ask.firstSentAt < psp.keyWindowMs * KEY_WINDOW_TRUSTED;
  return ask.providerReference === null && isInWindow ? 'charge' : 'find';
}

function factsOf(ask: Ask): PaymentFacts {
  return {
    status: ask.status,
    amountMinor: ask.amount,
    currency: ask.currency,
    refundedMinor: 0,
    disputedMinor: 0,
    reference: ask.providerReference,
    wasNeverSent: ask.wasNeverSent,
    deadReason: null,
  };
}

function identity(ask: Ask) {
  return {
    key: paymentKey(ask.merchant, ask.checkoutId),
    merchant: ask.merchant,
    checkout_id: ask.checkoutId,
    version: ask.version,
    provider: ask.provider,
    attempt: ask.attempt,
    idempotency_key: ask.idempotencyKey,
  };
}
