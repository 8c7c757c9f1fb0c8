/**
 * Takes one payment at a time through intent, call and outcome, and through polls, retries and
 * giving up. No call without a committed intent. Postgres holds the truth; this class keeps no
 * state between two tasks.
 */
import {
  type CheckoutAccepted,
  checkoutAccepted,
  type RetryTicket,
  retryTicket,
} from '../../engine/codec/records.js';
import { paymentKey } from '../../engine/domain/payment.js';
import type { Batcher, Dated } from '../postgres/batcher.js';
import type { Ask, TicketRow } from '../postgres/claims.js';
import type { PostgresClock } from '../postgres/clock.js';
import type { IntentResult, IntentRow } from '../postgres/intents.js';
import { isBadData } from '../postgres/pool.js';
import { chargeKey, type Psp } from '../psp/port.js';
import type { AcceptedTask, RecordTimes, Task, TaskResult, WorkerSettings } from '../tasks.js';
import { deadlineStart } from './deadline.js';
import { deadlineOf, type Plan, planNext } from './next-action.js';
import type { Settlements } from './outcome-builder.js';
import type { Calls } from './provider-calls.js';
import { delayWhileWaiting, recordOf, SWEEP_GRACE_MS } from './retry-policy.js';
import { candidatesFor, chooseProvider, type Routed } from './routing.js';

/** Beyond the longest wait and call: only a maker that died leaves its intent for the sweeper. */
const INTENT_GRACE_MS = 4_000;
export const INTERNAL_ERROR = 'internal_error';
/** Should the mark of a given-up checkout be lost, its row is looked at after this. */
const GIVE_UP_ASK_MS = 60_000;
/** A ticket that comes this early was held as long as its topic holds. */
const EARLY_MS = 50;

export interface ExecutorParts {
  readonly settings: WorkerSettings;
  readonly psps: ReadonlyMap<string, Psp>;
  readonly intents: Batcher<IntentRow, Dated<IntentResult>>;
  readonly tickets: Batcher<TicketRow, Ask | undefined>;
  readonly calls: Calls;
  readonly clock: PostgresClock;
  readonly settlements: Settlements;
}

/** How long a claim keeps others away: two calls, their turns, and the writes. */
export function leaseMs(pspTimeoutMs: number): number {
  return 2 * pspTimeoutMs + 10_000;
}

export class Executor {
  readonly #parts: ExecutorParts;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  /** A record of `payments.accepted`. Throws EngineError `undecodable`. */
  async accepted({ value, source, times }: AcceptedTask): Promise<TaskResult> {
    const { intents, calls, settings, settlements, clock } = this.#parts;
    const checkout = this.#dated(value, times);
    await clock.refresh();
    const waitMs = delayWhileWaiting(settings.retryDelays, true);
    const intent = this.#intentOf(checkout, source !== 'wal', waitMs);
    const { result, begunAt } = await intents.add(intent);
    if (result === 'conflict') return { kind: 'done', outcome: 'conflict' };
    if (result === 'known') return { kind: 'done', outcome: 'known' };
    if (intent.status === 'failed') return { kind: 'done', outcome: 'refused' };
    const ask = askOf(intent, this.#parts.clock.now);
    if (!intent.is_sent) return settlements.firstWait(ask, waitMs, SWEEP_GRACE_MS);
    return calls.charge(ask, true, begunAt, deadlineOf(ask, settings));
  }

  #dated(value: Uint8Array, times: RecordTimes): CheckoutAccepted {
    const checkout = checkoutAccepted.decode(Buffer.from(value));
    const { clockSkewMaxMs } = this.#parts.settings;
    return { ...checkout, accepted_at: deadlineStart(checkout.accepted_at, times, clockSkewMaxMs) };
  }

  /** A record of a retry topic. Throws EngineError `undecodable`. */
  async ticket(value: Uint8Array): Promise<TaskResult> {
    const { settings, tickets, clock } = this.#parts;
    const ticket = retryTicket.decode(Buffer.from(value));
    await clock.refresh();
    const { now } = clock;
    if (ticket.due_at > now + EARLY_MS) return this.#passOn(ticket, ticket.due_at, now);
    const nextAt = now + delayWhileWaiting(settings.retryDelays, false);
    if (this.#mayTravelOn(ticket, now, nextAt)) {
      return this.#passOn({ ...ticket, waiting_since: ticket.waiting_since ?? now }, nextAt, now);
    }
    const ask = await tickets.add({
      key: paymentKey(ticket.merchant, ticket.checkout_id),
      merchant: ticket.merchant,
      checkout_id: ticket.checkout_id,
      asks: ticket.asks,
      lease_ms: leaseMs(settings.pspTimeoutMs),
    });
    return ask ? this.ask(ask) : { kind: 'done', outcome: 'void_ticket' };
  }

  /** A payment that is claimed: the next step towards its outcome. */
  async ask(ask: Ask): Promise<TaskResult> {
    try {
      return await this.#next(ask);
    } catch (error) {
      if (!isBadData(error)) throw error;
      const detail = (error as Error).message;
      return this.#parts.settlements.refused(ask, 'refused_by_database', detail);
    }
  }

  /**
   * After too many exceptions. A checkout without a row gets one that was never sent, so that the
   * payment reads `processing` with its reason. A retry record or a webhook is only a trigger: its
   * payment goes on without it.
   */
  async giveUp(task: Task, detail: string): Promise<TaskResult> {
    const { intents, settlements, clock } = this.#parts;
    if (task.kind === 'ask') return settlements.refused(task.ask, INTERNAL_ERROR, detail);
    if (task.kind === 'accepted') {
      const checkout = this.#dated(task.value, task.times);
      const intent = { ...this.#intentOf(checkout, false, GIVE_UP_ASK_MS), is_sent: false };
      const { result } = await intents.add(intent);
      const isOurs = result === 'inserted' && intent.status === 'processing';
      if (isOurs) return settlements.refused(askOf(intent, clock.now), INTERNAL_ERROR, detail);
    }
    return {
      kind: 'dead',
      reason: INTERNAL_ERROR,
      detail,
      attempts: 1,
      value: null,
      payment: null,
    };
  }

  async #next(ask: Ask): Promise<TaskResult> {
    const { psps, calls, settings, clock } = this.#parts;
    const psp = psps.get(ask.provider);
    if (!psp) return calls.defer(ask, ask.firstSentAt === null);
    await clock.refresh();
    const plan = planNext(this.#believed(ask), psp, settings, clock.now);
    if (!clock.agrees && !isHarmless(plan))
      return calls.defer(ask, ask.firstSentAt === null, 'clocks_differ');
    switch (plan.kind) {
      case 'expire':
        return calls.expire(ask);
      case 'send_first':
        return calls.sendFresh(ask, this.#again(ask), false, plan.until);
      case 'send_again':
        return calls.sendAgain(ask, plan.until);
      case 'find':
        return calls.find(ask, plan.provesFrom, plan.until);
      case 'retrieve':
        return calls.retrieve(ask, plan.visibleFrom);
      case 'cancel':
        return calls.cancel(ask, plan.reference);
    }
  }

  /**
   * The row as far as its times are believed. A send may have happened as late as the last step of
   * Postgres' clock, and the clocks may differ by their bound; a key whose first send was dated by
   * another clock has no known window.
   */
  #believed(ask: Ask): Ask {
    const { clock, settings } = this.#parts;
    const { firstSentAt, lastSentAt, acceptedAt, actionExpiresAt } = ask;
    const isKeyDated = firstSentAt === null || clock.isTrusted(firstSentAt);
    return {
      ...ask,
      lastSentAt:
        lastSentAt === null
          ? null
          : Math.max(lastSentAt, clock.trustedSince) + settings.clockSkewMaxMs,
      acceptedAt: Math.max(acceptedAt, clock.trustedSince),
      findOnly: ask.findOnly || !isKeyDated,
      actionExpiresAt:
        actionExpiresAt === null || clock.isTrusted(actionExpiresAt - settings.actionExpiresMs)
          ? actionExpiresAt
          : Math.max(actionExpiresAt, clock.trustedSince + settings.actionExpiresMs),
    };
  }

  /**
   * Not in the future. Of two clocks that differ the later one counts: a Postgres that is a day
   * behind would make a checkout expire at once when its clock is put right.
   */
  #acceptedAtMost(): number {
    const { now, skewMs } = this.#parts.clock;
    return Math.round(now + Math.max(0, skewMs));
  }

  /** While its provider takes no calls a ticket goes round without a look at the database. */
  #mayTravelOn(ticket: RetryTicket, now: number, nextAt: number): boolean {
    const { settings, calls, psps } = this.#parts;
    if (!psps.has(ticket.provider) || calls.takesCalls(ticket.provider)) return false;
    const isOverdue =
      (ticket.never_sent && now - ticket.accepted_at > settings.deadlineMs) ||
      now - (ticket.waiting_since ?? now) > settings.providerWaitMs;
    const mayFallBack =
      ticket.never_sent && settings.routes.some((route) => route.providers.length > 1);
    return !isOverdue && !mayFallBack && nextAt < ticket.sweep_at;
  }

  #passOn(ticket: RetryTicket, dueAt: number, now: number): TaskResult {
    const next = { ...ticket, due_at: dueAt };
    const record = recordOf(this.#parts.settings.retryDelays, next, now);
    return { kind: 'retry', reason: 'passed_on', ...record };
  }

  /** Not the provider that has just failed, where there is another. */
  #again(ask: Ask): string {
    return this.#choose(ask, ask.tries > 0 ? ask.provider : null);
  }

  #choose(entry: Routed & { readonly provider?: string }, refused: string | null): string {
    const { settings, psps, calls } = this.#parts;
    const candidates = candidatesFor(settings, entry);
    const isConfigured = (name: string): boolean => psps.has(name);
    const takesCalls = (name: string): boolean => calls.takesCalls(name);
    const chosen = chooseProvider(candidates, isConfigured, takesCalls, refused);
    return chosen ?? entry.provider ?? candidates[0]!;
  }

  #intentOf(checkout: CheckoutAccepted, republish: boolean, waitMs: number): IntentRow {
    const { settings, psps, calls, clock } = this.#parts;
    const { merchant, checkout_id, payment_method } = checkout;
    const asked = checkout.provider;
    const provider = this.#choose({ ...checkout, asked, paymentMethod: payment_method }, null);
    const isLate = clock.agrees && clock.now - checkout.accepted_at > settings.deadlineMs;
    const refusal = isLate ? 'expired' : psps.has(provider) ? null : 'provider_not_configured';
    const isSent = refusal === null && clock.agrees && calls.takesCalls(provider);
    return {
      key: paymentKey(merchant, checkout_id),
      merchant,
      checkout_id,
      shard: checkout.shard,
      fingerprint: checkout.fingerprint.toString('hex'),
      amount: checkout.amount,
      currency: checkout.currency,
      payment_method,
      asked,
      provider,
      is_sent: isSent,
      idempotency_key: chargeKey(merchant, checkout_id, 1),
      accepted_ms: Math.min(checkout.accepted_at, this.#acceptedAtMost()),
      status: refusal ? 'failed' : 'processing',
      reason: refusal ?? (isSent ? 'charge_started' : 'waiting_for_provider'),
      failure_code: refusal,
      ask_after_ms: isSent ? settings.pspTimeoutMs + INTENT_GRACE_MS : waitMs + SWEEP_GRACE_MS,
      republish,
    };
  }
}

/** Looking for a charge that is named sends nothing, and proves nothing that is not so. */
function isHarmless(plan: Plan): boolean {
  return plan.kind === 'retrieve';
}

/** The row that has just been inserted. */
function askOf(intent: IntentRow, now: number): Ask {
  const sentAt = intent.is_sent ? now : null;
  return {
    merchant: intent.merchant,
    checkoutId: intent.checkout_id,
    version: 1,
    status: 'processing',
    amount: intent.amount,
    currency: intent.currency,
    paymentMethod: intent.payment_method,
    asked: intent.asked,
    provider: intent.provider,
    providerReference: null,
    attempt: 1,
    idempotencyKey: intent.idempotency_key,
    firstSentAt: sentAt,
    lastSentAt: sentAt,
    acceptedAt: intent.accepted_ms,
    asks: 0,
    tries: 0,
    findOnly: false,
    actionExpiresAt: null,
    waitingSince: null,
  };
}
