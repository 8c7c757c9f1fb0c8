/** What the simulator's HTTP answers mean, operation by operation. Pure. */
import type { EgressAnswer } from '../egress.js';
import { NOTHING, nameOf, pick, retryAfterMs, safeText } from '../evidence.js';
import type { Outcome, PspAnswer } from '../port.js';

export type Operation = 'charge' | 'find' | 'cancel' | 'capture' | 'refund';

interface Body {
  readonly error?: { readonly code?: unknown };
  readonly charge?: Body;
  readonly reference?: unknown;
  readonly refund_reference?: unknown;
  readonly status?: unknown;
  readonly failure_code?: unknown;
  readonly next_action?: { readonly type?: unknown; readonly url?: unknown };
}

const KEPT = [
  'reference',
  'refund_reference',
  'status',
  'amount',
  'currency',
  'failure_code',
  'refunded_amount',
];
/** They say nothing of the card: who we are, and what else is under way with this key. */
const SAYS_NOTHING = [401, 403, 409];
/** The same key with other parameters: the first request may well have been taken. */
const KEY_REUSE = 'idempotency_key_reuse';

/** The provider's explicit word, or `unknown`. */
export function answerOf(operation: Operation, answer: EgressAnswer): PspAnswer {
  const { httpStatus, headers, text } = answer;
  const body = parse(text);
  const known = {
    ...NOTHING,
    httpStatus,
    retryAfterMs: retryAfterMs(headers['retry-after']),
    response: kept(body, text),
    reference: nameOf(body.refund_reference) ?? nameOf((body.charge ?? body).reference),
  };
  const code = textOf(body.error?.code);
  if (httpStatus === 429) return { ...known, outcome: 'not_sent' };
  if (httpStatus >= 500 || SAYS_NOTHING.includes(httpStatus) || code === KEY_REUSE)
    return { ...known, outcome: 'unknown' };
  if (httpStatus === 404) return { ...known, outcome: 'declined', failureCode: 'not_found' };
  const charge = body.charge ?? body;
  if (httpStatus >= 400) {
    const failureCode = code ?? textOf(charge.failure_code) ?? `http_${httpStatus}`;
    return { ...known, outcome: 'declined', failureCode };
  }
  const outcome = body.refund_reference ? 'approved' : outcomeOf(operation, charge.status);
  const failureCode =
    outcome === 'declined' ? (textOf(charge.failure_code) ?? textOf(charge.status)) : null;
  const nextAction = charge.next_action ? pick(charge.next_action, ['type', 'url']) : null;
  return { ...known, outcome, failureCode, nextAction };
}

function outcomeOf(operation: Operation, status: unknown): Outcome {
  if (operation === 'cancel') return status === 'canceled' ? 'approved' : 'unknown';
  if (status === 'captured' || status === 'refunded') return 'approved';
  return status === 'declined' || status === 'canceled' ? 'declined' : 'unknown';
}

function parse(text: string): Body {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : {};
  } catch {
    return {};
  }
}

function kept(body: Body, text: string): object {
  const { error, charge } = body;
  const found = pick({ ...charge, ...body }, KEPT);
  if (error) return { ...found, error: pick(error, ['code', 'message']) };
  return Object.keys(found).length > 0 ? found : { text: safeText(text) };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? safeText(value) : null;
}
