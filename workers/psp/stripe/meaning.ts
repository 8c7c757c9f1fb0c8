/**
 * What an error of Stripe means: status × type and code → outcome. Pure, and closed: what
 * stands here in no row is `unknown`. An intent or a refund is judged by its own status
 * (answers.ts).
 *
 * An error is Stripe's own when its type is one that Stripe documents
 * (https://docs.stripe.com/api/errors) and it has a message; anything else was written by
 * somebody in between.
 */
import type { Stripe } from 'stripe';
import type { Outcome, Problem } from '../port.js';

export type Operation = 'charge' | 'find' | 'cancel' | 'capture' | 'refund';

export interface Meaning {
  readonly outcome: Outcome;
  readonly problem: Problem | null;
  /** null: the error's own code. */
  readonly failureCode: string | null;
}

export interface ErrorShape {
  /** `foreign` when the body is no error of Stripe. */
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  /** Of the intent that the error names. */
  readonly intentStatus: Stripe.PaymentIntent['status'] | null;
}

/** The last two are Stripe's older names, still seen in answers to keys and limits. */
const TYPES: readonly unknown[] = [
  'api_error',
  'card_error',
  'idempotency_error',
  'invalid_request_error',
  'authentication_error',
  'rate_limit_error',
];
/** Stripe uses them with 400 too; they speak of the moment, not of the request. */
const OF_THE_MOMENT: readonly (string | null)[] = ['rate_limit', 'lock_timeout'];
/** The states of an intent in which no money was taken or is held. */
const UNPAID: readonly (string | null)[] = [null, 'requires_payment_method', 'canceled'];

export function isStripeError(entry: unknown): boolean {
  const { type, message } = (entry ?? {}) as { type?: unknown; message?: unknown };
  return TYPES.includes(type) && typeof message === 'string';
}

export function meaningOf(
  operation: Operation,
  status: number | null,
  { type, code, param, intentStatus }: ErrorShape,
): Meaning {
  if (!TYPES.includes(type) || status === null) return unknown('foreign_answer');
  if (status === 429) return { outcome: 'not_sent', problem: 'rate_limited', failureCode: null };
  if (status === 401 || status === 403) return unknown('provider_refuses_us');
  if (status === 409) return unknown('key_in_use');
  if (type === 'idempotency_error') return unknown('key_conflict');
  if (OF_THE_MOMENT.includes(code)) return unknown('provider_error');
  switch (`${status} ${type}`) {
    case '402 card_error':
    case '402 invalid_request_error':
    case '400 card_error':
    case '400 invalid_request_error':
      return ofRefusal(operation, code, param, intentStatus);
    case '404 invalid_request_error':
      // A path that somebody rewrote is not found either: only a missing object is.
      if (code !== 'resource_missing') return unknown('provider_error');
      return operation === 'charge' ? declined(null) : declined('not_found');
    default:
      return unknown('provider_error');
  }
}

/** A refused question proves nothing; a refused charge nothing if its intent may hold money. */
function ofRefusal(
  operation: Operation,
  code: string | null,
  param: string | null,
  intentStatus: ErrorShape['intentStatus'],
): Meaning {
  if (operation === 'find') return unknown('provider_error');
  if (operation === 'charge' && !UNPAID.includes(intentStatus)) return unknown('provider_error');
  if (operation === 'refund' && (code === 'charge_already_refunded' || param === 'amount'))
    return declined('refund_exceeds_charge');
  return declined(null);
}

function declined(failureCode: string | null): Meaning {
  return { outcome: 'declined', problem: null, failureCode };
}

function unknown(problem: Problem): Meaning {
  return { outcome: 'unknown', problem, failureCode: null };
}
