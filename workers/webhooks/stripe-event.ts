/**
 * Stripe's events: our reference is the PaymentIntent. `requires_action` is left out: what
 * the payer has to do stands in the answer to our own call, not in the event.
 */
import type { PartState } from '../payment/partial-amounts.js';
import type { ClaimStatus } from '../payment/state-machine.js';
import { minorAmount } from '../psp/stripe/amounts.js';
import { claim, type Json, type Reading, typeOf } from './event-claim.js';

interface Described {
  readonly status: ClaimStatus;
  readonly intent: string;
  readonly amount: string;
  /** Where the object is one refund or dispute: what its own status means. */
  readonly partState?: (status: unknown) => PartState;
}

/** By event type: what is claimed, and where the PaymentIntent and the amount stand. */
const CLAIMS: Readonly<Record<string, Described>> = {
  'payment_intent.amount_capturable_updated': intent('authorized'),
  'payment_intent.succeeded': intent('captured'),
  'payment_intent.payment_failed': intent('declined'),
  'payment_intent.canceled': intent('canceled'),
  ...Object.fromEntries(
    ['refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated'].map((type) => [
      type,
      { status: 'refunded', intent: 'payment_intent', amount: 'amount', partState: refundState },
    ]),
  ),
  ...Object.fromEntries(
    ['created', 'updated', 'closed', 'funds_withdrawn', 'funds_reinstated'].map((event) => [
      `charge.dispute.${event}`,
      { status: 'disputed', intent: 'payment_intent', amount: 'amount', partState: disputeState },
    ]),
  ),
  // The sum so far: it may come before or after the refund's own event.
  'charge.refunded': { status: 'refunded', intent: 'payment_intent', amount: 'amount_refunded' },
};

export function readStripeEvent(event: Json): Reading {
  const type = typeOf(event);
  const known = Object.hasOwn(CLAIMS, type) ? CLAIMS[type] : undefined;
  if (known === undefined) return { kind: 'other', type };
  const object = (event?.['data'] as Json)?.['object'] as Json;
  const failure = object?.['last_payment_error'] as Json;
  return claim(type, known.status, {
    reference: object?.[known.intent],
    amount: amountOf(object?.[known.amount], object?.['currency']),
    currency: object?.['currency'],
    failureCode: failure?.['decline_code'] ?? failure?.['code'],
    ...(known.partState
      ? { part: { id: object?.['id'], state: known.partState(object?.['status']) } }
      : {}),
  });
}

/** A refund counts from the day it is made, and not any more when it fails later. */
function refundState(status: unknown): PartState {
  return status === 'failed' || status === 'canceled' ? 'void' : 'taken';
}

/** An inquiry (`warning_…`) takes no money; a dispute that is won or prevented gives it back. */
function disputeState(status: unknown): PartState {
  if (typeof status === 'string' && status.startsWith('warning_')) return 'noted';
  return status === 'won' || status === 'prevented' ? 'void' : 'taken';
}

/** Stripe counts some currencies in other units than ISO 4217. */
function amountOf(amount: unknown, currency: unknown): unknown {
  if (typeof amount !== 'number' || typeof currency !== 'string') return undefined;
  return minorAmount(amount, currency.toUpperCase());
}

function intent(status: ClaimStatus) {
  return { status, intent: 'id', amount: 'amount' };
}
