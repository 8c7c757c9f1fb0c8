/**
 * Calls a provider for one payment. Each call passes the provider's guard, and each answer is
 * committed before anything else happens. Every send after the first is committed here before its
 * first byte.
 */
import { maskCardData, maskCardValues } from '../../engine/card-data/card-mask.js';
import { paymentKey } from '../../engine/domain/payment.js';
import { keepNames } from '../../engine/util/verbatim-names.js';
import type { Batcher, Dated } from '../postgres/batcher.js';
import type { Ask } from '../postgres/claims.js';
import { monotonicMs, type PostgresClock } from '../postgres/clock.js';
import type { Suspicion } from '../postgres/late-captures.js';
import type { OutcomeRow } from '../postgres/outcomes.js';
import type { SendRow } from '../postgres/send-commits.js';
import { chargeKey, commandKey, type Psp, type PspAnswer, type PspRequest } from '../psp/port.js';
import { NOTHING } from '../psp/sanitize.js';
import type { TaskResult } from '../tasks.js';
import { SEND_WITHIN_MS } from './next-action.js';
import type { Call, Settlement, Settlements } from './outcome-builder.js';
import type { Gate, TurnedAway } from './provider-guard.js';
import { SWEEP_GRACE_MS } from './retry-policy.js';

/** When an empty find is too early to prove something: asked again a little after it does. */
const PROOF_MARGIN_MS = 100;

export interface CallParts {
  readonly psps: ReadonlyMap<string, Psp>;
  readonly gates: ReadonlyMap<string, Gate>;
  readonly outcomes: Batcher<OutcomeRow, boolean>;
  readonly sends: Batcher<SendRow, Dated<boolean>>;
  readonly clock: PostgresClock;
  readonly settlements: Settlements;
  /** A charge that its provider captured, and that the payment's row did not take. */
  readonly suspect: (suspicion: Suspicion) => Promise<unknown>;
  /** An exception in the handling of a provider's answer. */
  readonly onFault: (ask: Ask, error: unknown) => void;
}

export class Calls {
  readonly #parts: CallParts;

  constructor(parts: CallParts) {
    this.#parts = parts;
  }

  takesCalls(provider: string): boolean {
    return this.#parts.gates.get(provider)?.takesCalls ?? false;
  }

  /**
   * Sends what has just been committed: provider, key and attempt stand in the row. Nothing is
   * sent while the clocks differ: what the row says of the time would not be believed later.
   * @param begunAt when the commit was begun, by `monotonicMs`
   * @param windowEnd no byte leaves after it, Unix milliseconds by Postgres' clock
   */
  async charge(
    ask: Ask,
    wasNeverSent: boolean,
    begunAt: number,
    windowEnd: number,
  ): Promise<TaskResult> {
    const { settlements, clock } = this.#parts;
    if (!clock.agrees)
      return this.#commit(settlements.turnedAway(ask, 'clocks_differ', wasNeverSent));
    const windowLeftMs = windowEnd - clock.now;
    const until = Math.min(begunAt + SEND_WITHIN_MS, monotonicMs() + windowLeftMs);
    const request = { ...requestOf(ask), paymentMethod: ask.paymentMethod };
    const answer = await this.#run(ask, (psp) => psp.charge(request), until);
    if (typeof answer === 'string')
      return this.#commit(settlements.turnedAway(ask, answer, wasNeverSent));
    const call = { operation: 'charge' as const, request, answer, wasNeverSent };
    return this.#settle(ask, call);
  }

  /** The same key again, inside its provider's window. */
  async sendAgain(ask: Ask, windowEnd: number): Promise<TaskResult> {
    if (!this.takesCalls(ask.provider)) return this.defer(ask, false);
    const { result: isOurs, begunAt } = await this.#commitSend(ask, false);
    return isOurs ? this.charge(ask, false, begunAt, windowEnd) : SUPERSEDED;
  }

  /** Surely nobody has it: a send whose key begins its window now, perhaps at another provider. */
  async sendFresh(
    ask: Ask,
    provider: string,
    isNewAttempt: boolean,
    windowEnd: number,
  ): Promise<TaskResult> {
    if (!this.takesCalls(provider)) return this.defer(ask, !isNewAttempt);
    const attempt = ask.attempt + (isNewAttempt || provider !== ask.provider ? 1 : 0);
    const idempotencyKey = chargeKey(ask.merchant, ask.checkoutId, attempt);
    const fresh = { ...ask, provider, attempt, idempotencyKey, findOnly: false };
    const { result: isOurs, begunAt } = await this.#commitSend(fresh, true);
    return isOurs ? this.charge(fresh, true, begunAt, windowEnd) : SUPERSEDED;
  }

  /**
   * Asks for our key. An empty answer at or after `provesFrom` begins a new attempt, or ends
   * the payment when its deadline `until` has passed.
   */
  async find(ask: Ask, provesFrom: number, until: number): Promise<TaskResult> {
    const { clock } = this.#parts;
    const askedAt = clock.now;
    const call = await this.#find(ask, null);
    if (call === undefined) return this.defer(ask, false);
    if (call.answer.failureCode !== 'not_found') return this.#settle(ask, call);
    const earlyMs = provesFrom - askedAt;
    const recorded = await this.#settle(ask, call, earlyMs > 0 ? earlyMs : SWEEP_GRACE_MS);
    if (earlyMs > 0 || recorded === SUPERSEDED || !clock.agrees) return recorded;
    if (clock.now > until) return this.expire(ask);
    return this.sendFresh(ask, ask.provider, true, until);
  }

  /** Asks for the charge that the provider has named. */
  async retrieve(ask: Ask, visibleFrom: number): Promise<TaskResult> {
    const call = await this.#find(ask, ask.providerReference);
    if (call === undefined) return this.defer(ask, false);
    const waitMs = visibleFrom - this.#parts.clock.now;
    const isTooEarly = call.answer.failureCode === 'not_found' && waitMs > 0;
    return this.#settle(ask, call, isTooEarly ? waitMs : null);
  }

  /** The payer's time is over. A provider that says it is too late is asked how it ended. */
  async cancel(ask: Ask, reference: string): Promise<TaskResult> {
    // A key for each try: canceling again is harmless, and a key may replay an error for good.
    const command = `action_expired-${ask.asks}`;
    const key = commandKey(ask.merchant, ask.checkoutId, 'cancel', command);
    const request = { ...requestOf(ask), idempotencyKey: key };
    const answer = await this.#run(ask, (psp) => psp.cancel({ ...request, reference }));
    if (typeof answer === 'string') return this.defer(ask, false);
    const call = { operation: 'cancel' as const, request, answer, wasNeverSent: false };
    const recorded = await this.#settle(ask, call);
    const isTooLate = answer.outcome === 'declined' && recorded.kind === 'done';
    return isTooLate && recorded.outcome === 'pending' ? this.retrieve(ask, 0) : recorded;
  }

  /** Its provider takes no calls now, or the clocks differ. */
  defer(
    ask: Ask,
    wasNeverSent: boolean,
    why: 'breaker_open' | 'clocks_differ' = 'breaker_open',
  ): Promise<TaskResult> {
    return this.#commit(this.#parts.settlements.turnedAway(ask, why, wasNeverSent));
  }

  expire(ask: Ask): Promise<TaskResult> {
    return this.#commit(this.#parts.settlements.expired(ask));
  }

  async #find(ask: Ask, reference: string | null): Promise<Call | undefined> {
    const request = requestOf(ask);
    const answer = await this.#run(ask, (psp) =>
      psp.find({ ...request, operation: 'charge', reference }),
    );
    if (typeof answer === 'string') return undefined;
    return { operation: 'find', request, answer, wasNeverSent: false };
  }

  /** @param notYetMs the answer is too early to mean something: when to ask again */
  #settle(ask: Ask, call: Call, notYetMs: number | null = null): Promise<TaskResult> {
    const waitMs = notYetMs === null ? null : notYetMs + PROOF_MARGIN_MS;
    return this.#commit(this.#parts.settlements.afterCall(ask, call, waitMs));
  }

  /** Through the provider's gate. */
  async #run(
    ask: Ask,
    call: (psp: Psp) => Promise<PspAnswer>,
    until = Number.POSITIVE_INFINITY,
  ): Promise<PspAnswer | TurnedAway> {
    const psp = this.#parts.psps.get(ask.provider)!;
    return this.#parts.gates.get(ask.provider)!.run(() => this.#answer(ask, psp, call), until);
  }

  /** Never rejects. Bytes may have left before an exception, so the outcome is unknown. */
  async #answer(ask: Ask, psp: Psp, call: (psp: Psp) => Promise<PspAnswer>): Promise<PspAnswer> {
    try {
      return withoutCardData(wellFormed(await call(psp)));
    } catch (error) {
      this.#parts.onFault(ask, error);
      return { ...NOTHING, outcome: 'unknown', response: { error: 'internal_error' } };
    }
  }

  #commitSend(ask: Ask, isFresh: boolean): Promise<Dated<boolean>> {
    return this.#parts.sends.add({
      key: paymentKey(ask.merchant, ask.checkoutId),
      merchant: ask.merchant,
      checkout_id: ask.checkoutId,
      version: ask.version,
      asks: ask.asks,
      provider: ask.provider,
      attempt: ask.attempt,
      idempotency_key: ask.idempotencyKey,
      is_fresh: isFresh,
    });
  }

  async #commit({ row, result }: Settlement): Promise<TaskResult> {
    if (await this.#parts.outcomes.add(row)) return result;
    // The payment has ended otherwise: what was captured must not be lost from sight.
    if (row.status === 'succeeded' && row.provider_reference !== null)
      await this.#parts.suspect({ ...row, reference: row.provider_reference });
    return SUPERSEDED;
  }
}

const SUPERSEDED: TaskResult = { kind: 'done', outcome: 'superseded' };

function requestOf(ask: Ask): PspRequest {
  return {
    merchant: ask.merchant,
    checkoutId: ask.checkoutId,
    idempotencyKey: ask.idempotencyKey,
    amountMinor: ask.amount,
    currency: ask.currency,
  };
}

function wellFormed(answer: PspAnswer): PspAnswer {
  const { reference, failureCode } = answer;
  for (const text of [reference, failureCode]) {
    if (text !== null && typeof text !== 'string')
      throw new TypeError('the answer names its charge or its failure by a value that is no text');
  }
  return answer;
}

/** A provider may say anything; names alone are kept as they are, for they name the charge. */
function withoutCardData(answer: PspAnswer): PspAnswer {
  const failureCode = answer.failureCode === null ? null : maskCardData(answer.failureCode);
  const response = maskCardValues(answer.response);
  keepNames(answer.response, response);
  return {
    ...answer,
    failureCode,
    nextAction: maskCardValues(answer.nextAction),
    response,
  };
}
