/** Maps Stripe's objects and errors to outcomes, operation by operation. Pure. */
import { Stripe } from 'stripe';
import { paymentKey } from '../../../engine/domain/payment.js';
import type { Outcome, PspAnswer } from '../port.js';
import { answerOfFault, NOTHING, nameOf, pick, retryAfterMs, safeText } from '../sanitize.js';
import { minorAmount } from './amounts.js';
import { type ErrorShape, meaningOf, type Operation } from './meaning.js';

type Status = Stripe.PaymentIntent['status'];
/** What the state of an intent says about an operation on it. */
const AFTER = {
  charge: afterCharge,
  find: afterCharge,
  cancel: afterCancel,
  capture: afterCapture,
} satisfies Record<string, (status: Status) => Outcome>;
type IntentOperation = keyof typeof AFTER;
const INTENT_STATUSES: readonly unknown[] = [
  'canceled',
  'processing',
  'requires_action',
  'requires_capture',
  'requires_confirmation',
  'requires_payment_method',
  'succeeded',
] satisfies Status[];

const INTENT_KEPT = ['id', 'status', 'amount', 'amount_received', 'currency', 'latest_charge'];
const REFUND_KEPT = ['id', 'status', 'amount', 'currency', 'charge', 'failure_reason'];
const ERROR_KEPT = ['type', 'code', 'decline_code', 'param', 'message'];
const URL_CHARS_MAX = 2_000;

export function answerOfIntent(
  operation: IntentOperation,
  intent: Stripe.PaymentIntent,
): PspAnswer {
  if (!isIntent(intent)) return strange(intent);
  const outcome = AFTER[operation](intent.status);
  const error = intent.last_payment_error;
  return {
    ...NOTHING,
    outcome,
    ...amountOf(intent),
    payment: paymentOf(intent.metadata),
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
  if (!isObject(refund, 'refund')) return strange(refund);
  const outcomes: Record<string, Outcome> = {
    succeeded: 'approved',
    failed: 'declined',
    canceled: 'declined',
  };
  const outcome = outcomes[refund.status ?? ''] ?? 'unknown';
  const failureCode = outcome === 'declined' ? (refund.failure_reason ?? refund.status) : null;
  return {
    ...NOTHING,
    outcome,
    ...amountOf(refund),
    reference: refund.id,
    failureCode,
    httpStatus: 200,
    response: pick(refund, REFUND_KEPT),
  };
}

/** The objects of a page; undefined when it is no page of Stripe, or not of such objects. */
export function objectsOf<T>(
  page: { readonly object: string; readonly data: T[] },
  kind: 'payment_intent' | 'refund',
): T[] | undefined {
  const isPage = page.object === 'list' || page.object === 'search_result';
  if (!isPage || !Array.isArray(page.data)) return undefined;
  const isWhole = page.data.every((entry) =>
    kind === 'refund' ? isObject(entry, kind) : isIntent(entry),
  );
  return isWhole ? page.data : undefined;
}

/** A 200 that is not what was asked for says nothing. */
export function strange(answer: unknown): PspAnswer {
  const response = pick(answer as object, ['id', 'object', 'status']);
  return {
    ...NOTHING,
    outcome: 'unknown',
    problem: 'foreign_answer',
    httpStatus: 200,
    response,
  };
}

export function notFound(response: object): PspAnswer {
  return { ...NOTHING, outcome: 'declined', failureCode: 'not_found', httpStatus: 200, response };
}

/** The provider's explicit word, or `unknown`. Throws what is no error of Stripe's library. */
export function answerOfError(operation: Operation, error: unknown): PspAnswer {
  if (error instanceof Stripe.errors.StripeConnectionError) return answerOfFault(error.detail);
  if (!(error instanceof Stripe.errors.StripeError)) throw error;
  const httpStatus = error.statusCode ?? null;
  const shape = shapeOf(error);
  const meaning = meaningOf(operation, httpStatus, shape);
  const isOwn = meaning.problem !== 'foreign_answer';
  const code = meaning.failureCode ?? (error.decline_code || error.code || `http_${httpStatus}`);
  return {
    ...NOTHING,
    ...meaning,
    failureCode: meaning.outcome === 'declined' ? safeText(code) : null,
    httpStatus,
    retryAfterMs: isOwn ? retryAfterMs(error.headers?.['retry-after']) : null,
    reference: isOwn ? (nameOf(error.payment_intent?.id) ?? null) : null,
    response: { ...pick(error, ['requestId']), error: pick(errorOf(error), ERROR_KEPT) },
  };
}

/** An object of Stripe: of this kind, named, with a state, an amount and a currency. */
function isObject(entry: unknown, kind: string): boolean {
  const { id, object, status, amount, currency } = (entry ?? {}) as Record<string, unknown>;
  return (
    object === kind &&
    nameOf(id) !== null &&
    typeof status === 'string' &&
    Number.isSafeInteger(amount) &&
    typeof currency === 'string'
  );
}

function isIntent(entry: unknown): entry is Stripe.PaymentIntent {
  return (
    isObject(entry, 'payment_intent') &&
    INTENT_STATUSES.includes((entry as { status: Status }).status)
  );
}

/** In our minor units; an amount that has none is -1, which equals no amount of ours. */
function amountOf(entry: { amount: number; currency: string }) {
  const currency = entry.currency.toUpperCase();
  return { amountMinor: minorAmount(entry.amount, currency) ?? -1, currency };
}

function paymentOf(metadata: Stripe.Metadata | null): string | null {
  const { merchant, checkout_id } = metadata ?? {};
  return merchant && checkout_id ? paymentKey(merchant, checkout_id) : null;
}

function shapeOf(error: Stripe.errors.StripeError): ErrorShape {
  const { rawType, code, param, payment_intent } = error;
  return {
    type: rawType ?? '',
    code: code ?? null,
    param: param ?? null,
    intentStatus: payment_intent?.status ?? null,
  };
}

function errorOf(error: Stripe.errors.StripeError): object {
  const { rawType, code, decline_code, param, message } = error;
  return { type: rawType, code, decline_code, param, message };
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
