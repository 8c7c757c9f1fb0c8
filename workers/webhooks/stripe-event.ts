/**
 * Stripe's events: our reference is the PaymentIntent. `requires_action` is left out: what
 * the payer has to do stands in the answer to our own call, not in the event.
 */
import type { ClaimStatus } from '../payment/state-machine.js';
import { minorAmount } from '../psp/stripe/amounts.js';
import { claim, type Json, type Reading, typeOf } from './reading.js';

/** By event type: what is claimed, and where the PaymentIntent and the amount stand. */
const CLAIMS: Readonly<Record<string, { status: ClaimStatus; intent: string; amount: string }>> = {
  'payment_intent.amount_capturable_updated': intent('authorized'),
  'payment_intent.succeeded': intent('captured'),
  'payment_intent.payment_failed': intent('declined'),
  'payment_intent.canceled': intent('canceled'),
  'charge.refunded': { status: 'refunded', intent: 'payment_intent', amount: 'amount_refunded' },
  'charge.dispute.created': { status: 'disputed', intent: 'payment_intent', amount: 'amount' },
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
  });
}

/** Stripe counts some currencies in other units than ISO 4217. */
function amountOf(amount: unknown, currency: unknown): unknown {
  if (typeof amount !== 'number' || typeof currency !== 'string') return undefined;
  return minorAmount(amount, currency.toUpperCase());
}

function intent(status: ClaimStatus) {
  return { status, intent: 'id', amount: 'amount' };
}
