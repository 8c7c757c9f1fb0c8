/** What Stripe's objects and errors mean, operation by operation. Pure. */
import { Stripe } from 'stripe';
import { answerOfFault, NOTHING, pick, retryAfterMs, safeText } from '../evidence.js';
import type { Outcome, PspAnswer } from '../port.js';

type Status = Stripe.PaymentIntent['status'];
/** What the state of an intent says about an operation on it. */
const AFTER = {
  charge: afterCharge,
  find: afterCharge,
  cancel: afterCancel,
  capture: afterCapture,
} satisfies Record<string, (status: Status) => Outcome>;
type IntentOperation = keyof typeof AFTER;
export type Operation = IntentOperation | 'refund';

const INTENT_KEPT = ['id', 'status', 'amount', 'amount_received', 'currency', 'latest_charge'];
const REFUND_KEPT = ['id', 'status', 'amount', 'currency', 'charge', 'failure_reason'];
const ERROR_KEPT = ['type', 'code', 'decline_code', 'param', 'message'];
const URL_CHARS_MAX = 2_000;
/** They say nothing of the card: who we are, and what else is under way with this key. */
const SAYS_NOTHING = [401, 403, 409];

export function answerOfIntent(
  operation: IntentOperation,
  intent: Stripe.PaymentIntent,
): PspAnswer {
  const outcome = AFTER[operation](intent.status);
  const error = intent.last_payment_error;
  return {
    ...NOTHING,
    outcome,
    reference: intent.id,
    failureCode: outcome === 'declined' ? failureOf(operation, intent) : null,
    nextAction: intent.status === 'requires_action' ? nextActionOf(intent) : null,
    httpStatus: 200,
    response: {
      ...pick(intent, INTENT_KEPT),
      ...(error ? { last_payment_error: pick(error, ERROR_KEPT) } : {}),
    },
  };
}

export function answerOfRefund(refund: Stripe.Refund): PspAnswer {
  if (!isNamed(refund)) return strange(refund);
  const outcomes: Record<string, Outcome> = {
    succeeded: 'approved',
    failed: 'declined',
    canceled: 'declined',
  };
  const outcome = outcomes[refund.status ?? ''] ?? 'unknown';
  const failureCode = outcome === 'declined' ? (refund.failure_reason ?? refund.status) : null;
  const response = pick(refund, REFUND_KEPT);
  return { ...NOTHING, outcome, reference: refund.id, failureCode, httpStatus: 200, response };
}

/** The objects of a page, or undefined when it is no page. */
export function objectsOf<T>(page: { readonly data: T[] }): T[] | undefined {
  return Array.isArray(page.data) ? page.data.filter(isNamed) : undefined;
}

/** A 200 that is not what was asked for says nothing. */
export function strange(answer: unknown): PspAnswer {
  const response = pick(answer as object, ['id', 'object', 'status']);
  return { ...NOTHING, outcome: 'unknown', httpStatus: 200, response };
}

export function notFound(response: object): PspAnswer {
  return { ...NOTHING, outcome: 'declined', failureCode: 'not_found', httpStatus: 200, response };
}

/** The provider's explicit word, or `unknown`. Throws what is no error of Stripe's library. */
export function answerOfError(operation: Operation, error: unknown): PspAnswer {
  if (error instanceof Stripe.errors.StripeConnectionError) return answerOfFault(error.detail);
  if (!(error instanceof Stripe.errors.StripeError)) throw error;
  const httpStatus = error.statusCode ?? null;
  const answer = {
    ...NOTHING,
    httpStatus,
    retryAfterMs: retryAfterMs(error.headers?.['retry-after']),
    reference: error.payment_intent?.id ?? null,
    response: { ...pick(error, ['requestId']), error: pick(errorOf(error), ERROR_KEPT) },
  };
  if (httpStatus === 429) return { ...answer, outcome: 'not_sent' };
  if (httpStatus === null || httpStatus < 400 || httpStatus >= 500)
    return { ...answer, outcome: 'unknown' };
  // The same key with other parameters: the first request may well have been taken.
  if (SAYS_NOTHING.includes(httpStatus) || error.rawType === 'idempotency_error')
    return { ...answer, outcome: 'unknown' };
  return { ...answer, outcome: 'declined', failureCode: codeOf(operation, httpStatus, error) };
}

function isNamed(it: unknown): boolean {
  const { id, status } = (it ?? {}) as { id?: unknown; status?: unknown };
  return typeof id === 'string' && id !== '' && typeof status === 'string';
}

function errorOf(error: Stripe.errors.StripeError): object {
  const { rawType, code, decline_code, param, message } = error;
  return { type: rawType, code, decline_code, param, message };
}

function codeOf(
  operation: Operation,
  httpStatus: number,
  error: Stripe.errors.StripeError,
): string {
  if (httpStatus === 404 && operation !== 'charge') return 'not_found';
  if (
    operation === 'refund' &&
    (error.code === 'charge_already_refunded' || error.param === 'amount')
  )
    return 'refund_exceeds_charge';
  return safeText(error.decline_code || error.code || `http_${httpStatus}`);
}

function afterCharge(status: Status): Outcome {
  if (status === 'succeeded') return 'approved';
  return status === 'canceled' || status === 'requires_payment_method' ? 'declined' : 'unknown';
}

function afterCancel(status: Status): Outcome {
  if (status === 'canceled') return 'approved';
  return status === 'succeeded' ? 'declined' : 'unknown';
}

function afterCapture(status: Status): Outcome {
  if (status === 'succeeded') return 'approved';
  return status === 'processing' || status === 'requires_capture' ? 'unknown' : 'declined';
}

function failureOf(operation: IntentOperation, intent: Stripe.PaymentIntent): string {
  if (operation === 'cancel') return 'already_captured';
  if (operation === 'capture') return 'not_capturable';
  if (intent.status === 'canceled') return 'canceled';
  const error = intent.last_payment_error;
  return safeText(error?.decline_code || error?.code || intent.status);
}

/** The payer's link is kept whole: it is made to be handed to the payer. */
function nextActionOf(intent: Stripe.PaymentIntent): object {
  const action = intent.next_action;
  const url = action?.redirect_to_url?.url;
  if (url && url.length <= URL_CHARS_MAX) return { type: 'redirect', url };
  return { type: safeText(action?.type ?? 'unknown'), reference: intent.id };
}
