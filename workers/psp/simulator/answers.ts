/** Parses the simulator's HTTP answers: which object a body is, and which fields are kept. */
import { paymentKey } from '../../../engine/domain/payment.js';
import type { EgressAnswer } from '../egress.js';
import type { PspAnswer } from '../port.js';
import { NOTHING, nameOf, pick, retryAfterMs, safeText } from '../sanitize.js';
import {
  CHARGE_STATUSES,
  type ChargeStatus,
  meaningOf,
  type Operation,
  type Shape,
} from './meaning.js';

type Json = Readonly<Record<string, unknown>>;

const KEPT = [
  'reference',
  'refund_reference',
  'status',
  'amount',
  'currency',
  'failure_code',
  'refunded_amount',
];
const ERROR = 'simulator_error';

/**
 * The provider's explicit word, or `unknown`.
 * @param asked the reference or key that the request names; null for a charge
 */
export function answerOf(
  operation: Operation,
  asked: string | null,
  answer: EgressAnswer,
): PspAnswer {
  const { httpStatus, headers, text } = answer;
  const body = parse(text);
  const shape = shapeOf(body, asked);
  const charge = objectOf(body['charge']) ?? body;
  const meaning = meaningOf(operation, httpStatus, shape);
  const isOwn = shape.kind !== 'foreign' && meaning.problem !== 'foreign_answer';
  const isCharge = shape.kind === 'charge' || shape.kind === 'declined_charge';
  return {
    ...NOTHING,
    ...meaning,
    failureCode: meaning.failureCode && (failureCodeOf(shape, charge) ?? meaning.failureCode),
    httpStatus,
    retryAfterMs: isOwn ? retryAfterMs(headers['retry-after']) : null,
    response: kept(body, text),
    reference: isOwn ? (nameOf(body['refund_reference']) ?? nameOf(charge['reference'])) : null,
    nextAction: isOwn ? nextActionOf(charge) : null,
    amountMinor: isOwn && shape.kind !== 'error' ? (charge['amount'] as number) : null,
    currency: isOwn && isCharge ? (charge['currency'] as string) : null,
    payment: isOwn && isCharge ? paymentOf(charge) : null,
  };
}

/** What the body is, field by field; whatever is not whole is foreign. */
export function shapeOf(body: Json, asked: string | null): Shape {
  if (body['object'] === ERROR) {
    const error = objectOf(body['error']);
    const code = error?.['code'];
    if (!error || typeof code !== 'string' || code === '') return { kind: 'foreign' };
    const charge = objectOf(body['charge']);
    if (charge && isCharge(charge) && charge['status'] === 'declined')
      return { kind: 'declined_charge' };
    // An absence that names something else is an answer to another question.
    if (code === 'not_found' && error['id'] !== asked) return { kind: 'foreign' };
    return { kind: 'error', code };
  }
  if (isRefund(body)) return { kind: 'refund' };
  if (isCharge(body)) return { kind: 'charge', status: body['status'] as ChargeStatus };
  return { kind: 'foreign' };
}

function isCharge(entry: Json): boolean {
  return (
    nameOf(entry['reference']) !== null &&
    nameOf(entry['merchant']) !== null &&
    nameOf(entry['checkout_id']) !== null &&
    CHARGE_STATUSES.includes(entry['status'] as ChargeStatus) &&
    isAmount(entry['amount']) &&
    typeof entry['currency'] === 'string' &&
    /^[A-Z]{3}$/.test(entry['currency'])
  );
}

function isRefund(entry: Json): boolean {
  return (
    nameOf(entry['refund_reference']) !== null &&
    nameOf(entry['reference']) !== null &&
    isAmount(entry['amount'])
  );
}

function isAmount(entry: unknown): boolean {
  return Number.isSafeInteger(entry) && (entry as number) > 0;
}

function paymentOf(charge: Json): string {
  return paymentKey(charge['merchant'] as string, charge['checkout_id'] as string);
}

function failureCodeOf(shape: Shape, charge: Json): string | null {
  const isDeclined =
    shape.kind === 'declined_charge' || (shape.kind === 'charge' && shape.status === 'declined');
  return isDeclined ? textOf(charge['failure_code']) : null;
}

function nextActionOf(charge: Json): object | null {
  const action = objectOf(charge['next_action']);
  return action ? pick(action, ['type', 'url']) : null;
}

function parse(text: string): Json {
  try {
    return objectOf(JSON.parse(text)) ?? {};
  } catch {
    return {};
  }
}

function objectOf(entry: unknown): Json | undefined {
  return typeof entry === 'object' && entry !== null && !Array.isArray(entry)
    ? (entry as Json)
    : undefined;
}

function kept(body: Json, text: string): object {
  const error = objectOf(body['error']);
  const found = pick({ ...objectOf(body['charge']), ...body }, KEPT);
  if (error) return { ...found, error: pick(error, ['code', 'message']) };
  return Object.keys(found).length > 0 ? found : { text: safeText(text) };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? safeText(value) : null;
}
