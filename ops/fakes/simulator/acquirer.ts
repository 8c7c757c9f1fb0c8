/**
 * The simulator's decisions: what a charge request does to the ledger and what is answered,
 * with idempotency keys as Stripe has them. Knows nothing of HTTP.
 */
import { newUlid } from '../../../engine/domain/ulid.js';
import { type Faults, NO_FAULTS } from './faults.js';
import type { Charge, ChargeStatus, Ledger } from './ledger.js';
import { type Behaviour, behaviourOf } from './tokens.js';
import type { WebhookSender } from './webhooks.js';

export interface ChargeBody {
  readonly merchant: string;
  readonly checkout_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly payment_method: string;
}

export interface Answer {
  readonly status: number;
  readonly body: object;
  readonly isReplay?: boolean;
  /** Milliseconds; Infinity: never. */
  readonly after?: number;
}

/** Keys whose errors are counted, so that memory stays bounded. */
const COUNTED_KEYS_MAX = 100_000;
const RETRY_MS = 1_000;

export class Acquirer {
  readonly #ledger: Ledger;
  readonly #webhooks: WebhookSender;
  readonly #inUse = new Set<string>();
  readonly #errors = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  faults: Faults = NO_FAULTS;
  calls = 0;
  replays = 0;

  constructor(ledger: Ledger, webhooks: WebhookSender) {
    this.#ledger = ledger;
    this.#webhooks = webhooks;
    for (const charge of ledger.all()) if (isCapturedLater(charge)) this.#captureLater(charge);
  }

  /** Takes the charge at once; the answer may come later, and the key is in use until `release`. */
  charge(key: string, body: ChargeBody): Answer {
    this.calls++;
    if (this.faults.down) return error(503, 'unavailable', 'the provider is down');
    if (this.#inUse.has(key))
      return error(409, 'idempotency_key_in_use', 'a request with this key is under way');
    const known = this.#ledger.find(key);
    if (known && !this.#isForgotten(known)) return this.#replay(known, body);
    const behaviour = behaviourOf(body.payment_method);
    if (this.#failsFirst(key, behaviour)) return error(500, 'internal_error', 'try again');
    const charge = this.#take(key, body, behaviour);
    this.#inUse.add(key);
    return { ...answerOf(charge), after: this.#delay(behaviour) };
  }

  /** The answer is out, or nobody waits for it any more. */
  release(key: string): void {
    this.#inUse.delete(key);
  }

  find(referenceOrKey: string): Answer {
    if (this.faults.down) return error(503, 'unavailable', 'the provider is down');
    const charge = this.#ledger.find(referenceOrKey);
    if (!charge || ageMs(charge) < this.faults.find_lag_ms)
      return notFound('charge', referenceOrKey);
    return { status: 200, body: charge };
  }

  /** Ends a charge that was not captured yet; repeats are answered the same. */
  cancel(referenceOrKey: string): Answer {
    return this.#settle(referenceOrKey, 'canceled', (status) =>
      status === 'declined' ? 'not_cancelable' : 'already_captured',
    );
  }

  /** Takes the money of an authorized charge; repeats are answered the same. */
  capture(referenceOrKey: string): Answer {
    return this.#settle(referenceOrKey, 'captured', (status) =>
      status === 'refunded' ? null : 'not_capturable',
    );
  }

  findRefund(key: string): Answer {
    if (this.faults.down) return error(503, 'unavailable', 'the provider is down');
    const refund = this.#ledger.refundOfKey(key);
    if (!refund) return notFound('refund', key);
    return { status: 200, body: refund };
  }

  refund(key: string, reference: string, amount: number): Answer {
    if (this.faults.down) return error(503, 'unavailable', 'the provider is down');
    const charge = this.#ledger.find(reference);
    if (!charge) return notFound('charge', reference);
    let refund = this.#ledger.refundOfKey(key);
    const isReplay = refund !== undefined;
    if (refund && (refund.reference !== reference || refund.amount !== amount))
      return error(400, 'idempotency_key_reuse', 'this key came with other parameters');
    if (!refund) {
      if (charge.status !== 'captured' || charge.refunded_amount + amount > charge.amount)
        return error(400, 'refund_exceeds_charge', 'more than what was captured');
      const created_at = new Date().toISOString();
      refund = {
        refund_reference: `re_${newUlid()}`,
        idempotency_key: key,
        reference,
        amount,
        created_at,
      };
      this.#ledger.refund(refund);
      this.#tell(charge, 'refunded', charge.refunded_amount);
    }
    const { refund_reference } = refund;
    const { refunded_amount } = charge;
    return {
      status: 200,
      body: { refund_reference, reference, amount, refunded_amount },
      isReplay,
    };
  }

  /** The payer's bank takes money back (all of it unless said); the charge stays captured. */
  dispute(referenceOrKey: string, amount: number | undefined): Answer {
    const charge = this.#ledger.find(referenceOrKey);
    if (!charge) return notFound('charge', referenceOrKey);
    const before = this.#ledger.disputedOf(charge.reference);
    const total = before + (amount ?? charge.amount - before);
    if (charge.status !== 'captured' || total > charge.amount || total === before)
      return error(400, 'dispute_exceeds_charge', 'more than what was captured');
    this.#ledger.dispute({
      dispute_reference: `dp_${newUlid()}`,
      reference: charge.reference,
      amount: total - before,
      created_at: new Date().toISOString(),
    });
    this.#tell(charge, 'disputed', total);
    return { status: 200, body: { reference: charge.reference, disputed_amount: total } };
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** @param refusal the code for a charge that is neither authorized nor `to` already; null: none */
  #settle(
    referenceOrKey: string,
    to: 'captured' | 'canceled',
    refusal: (status: ChargeStatus) => string | null,
  ): Answer {
    if (this.faults.down) return error(503, 'unavailable', 'the provider is down');
    const charge = this.#ledger.find(referenceOrKey);
    if (!charge) return notFound('charge', referenceOrKey);
    if (charge.status === 'authorized') this.#become(charge, to);
    const code = charge.status === to ? null : refusal(charge.status);
    if (code !== null) return error(400, code, `the charge is ${charge.status}`);
    return { status: 200, body: charge };
  }

  #replay(known: Charge, body: ChargeBody): Answer {
    const fields = ['merchant', 'checkout_id', 'amount', 'currency', 'payment_method'] as const;
    if (fields.some((name) => known[name] !== body[name]))
      return error(400, 'idempotency_key_reuse', 'this key came with other parameters');
    this.replays++;
    return { ...answerOf(known), isReplay: true };
  }

  #isForgotten(charge: Charge): boolean {
    return ageMs(charge) >= this.faults.key_window_ms;
  }

  #failsFirst(key: string, behaviour: Behaviour): boolean {
    const before = this.#errors.get(key) ?? 0;
    const isReplayed = before > 0 && this.faults.replay_errors;
    const fails = before < behaviour.errorsFirst || Math.random() < this.faults.error_rate;
    if (!fails && !isReplayed) return false;
    if (this.#errors.size >= COUNTED_KEYS_MAX) this.#errors.clear();
    this.#errors.set(key, before + 1);
    return true;
  }

  #take(key: string, body: ChargeBody, behaviour: Behaviour): Charge {
    const charge: Charge = {
      reference: `ch_${newUlid()}`,
      ...body,
      idempotency_key: key,
      status: behaviour.status,
      failure_code: behaviour.failureCode,
      refunded_amount: 0,
      created_at: new Date().toISOString(),
    };
    this.#ledger.add(charge);
    this.#tell(charge, charge.status, charge.amount);
    if (isCapturedLater(charge)) this.#captureLater(charge);
    return charge;
  }

  /** The payer acts, or the bank's batch runs: the capture comes by itself. */
  #captureLater(
    charge: Charge,
    afterMs = behaviourOf(charge.payment_method).capturesAfterMs ?? 0,
  ): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!isCapturedLater(charge)) return;
      try {
        this.#become(charge, 'captured');
      } catch {
        // The ledger cannot be written, as on a full disk: nothing has changed yet.
        this.#captureLater(charge, RETRY_MS);
      }
    }, afterMs);
    this.#timers.add(timer);
  }

  #become(charge: Charge, status: 'captured' | 'canceled'): void {
    this.#ledger.setStatus(charge.reference, status);
    this.#tell(charge, status, charge.amount);
  }

  /** @param amount of a refund or a dispute: the sum so far */
  #tell(charge: Charge, status: ChargeStatus | 'disputed', amount: number): void {
    const { merchant, checkout_id, reference, currency, failure_code } = charge;
    const event = {
      id: `evt_${newUlid()}`,
      type: `charge.${status}`,
      created_at: new Date().toISOString(),
      data: { merchant, checkout_id, reference, status, amount, currency, failure_code },
    };
    this.#webhooks.send(event, behaviourOf(charge.payment_method).webhookCopies, this.faults);
  }

  #delay(behaviour: Behaviour): number {
    const { timeout_rate, slow_rate, slow_ms } = this.faults;
    if (behaviour.isFirstAnswerLost || Math.random() < timeout_rate)
      return Number.POSITIVE_INFINITY;
    return behaviour.answerAfterMs + (Math.random() < slow_rate ? slow_ms : 0);
  }
}

function answerOf(charge: Charge): Answer {
  if (charge.status === 'declined') {
    const code = charge.failure_code ?? 'declined';
    return { status: 402, body: { ...errorBody(code, 'declined'), charge } };
  }
  if (charge.status !== 'authorized') return { status: 200, body: charge };
  if (!behaviourOf(charge.payment_method).needsAction) return { status: 202, body: charge };
  const next_action = { type: 'redirect', url: `https://psp.example/act/${charge.reference}` };
  return { status: 200, body: { ...charge, next_action } };
}

function error(status: number, code: string, message: string): Answer {
  return { status, body: errorBody(code, message) };
}

/** An absence names what was asked for, so that it proves nothing about anything else. */
function notFound(what: 'charge' | 'refund', id: string): Answer {
  return { status: 404, body: errorBody('not_found', `no such ${what}`, { id }) };
}

/** Every error of the simulator: its `object` tells it from an error of a proxy. */
export function errorBody(code: string, message: string, more: object = {}): object {
  return { object: 'simulator_error', error: { code, message, ...more } };
}

/** Not captured or canceled meanwhile, and its token says so. */
function isCapturedLater({ status, payment_method }: Charge): boolean {
  if (status === 'authorized') return true;
  return status === 'declined' && behaviourOf(payment_method).capturesAfterMs !== null;
}

function ageMs(charge: Charge): number {
  return Date.now() - Date.parse(charge.created_at);
}
