/**
 * Sanitizes a provider's answer before it is stored: keeps listed fields only, and removes texts
 * that look like a card number or a secret, and characters that Postgres cannot store.
 */
import { maskCardData } from '../../engine/card-data/card-mask.js';
import { paymentKey } from '../../engine/domain/payment.js';
import { isKeptName } from '../../engine/util/verbatim-names.js';
import { EgressFault } from './egress.js';
import type { PspAnswer, PspRequest } from './port.js';

const TEXT_CHARS_MAX = 500;
const RETRY_AFTER_MS_MAX = 3_600_000;
const SECRET_LIKE = /\b(?:sk|rk|whsec|pk)_\w{4,}|\b\w+_secret_\w+|(?<=client_secret=)[^&\s]+/g;

/** Printable ASCII. */
const NAME = /^[\x21-\x7e]{1,255}$/;

/** An answer that says nothing yet. */
export const NOTHING = {
  problem: null,
  amountMinor: null,
  currency: null,
  payment: null,
  reference: null,
  failureCode: null,
  nextAction: null,
  retryAfterMs: null,
  httpStatus: null,
} as const;

/** Without U+0000, lone surrogates, card numbers and secrets; at most 500 characters. */
export function safeText(text: string): string {
  const masked = maskCardData(text.replace(SECRET_LIKE, '[secret]'));
  return masked.slice(0, TEXT_CHARS_MAX).replaceAll('\0', '').toWellFormed();
}

/** A provider's name of something, which must stay as it is; null when it cannot be one. */
export function nameOf(value: unknown): string | null {
  return typeof value === 'string' && NAME.test(value) ? value : null;
}

/** Those of the named fields that are there; names kept, texts made safe, objects left out. */
export function pick(from: object, names: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const name of names) {
    const value = (from as Record<string, unknown>)[name];
    if (typeof value === 'string') found[name] = isKeptName(name, value) ? value : safeText(value);
    else if (value !== undefined && typeof value !== 'object') found[name] = value;
  }
  return found;
}

/** `Retry-After` (RFC 9110): seconds or a date. Bounded, since a stranger sent it. */
export function retryAfterMs(header: string | undefined): number | null {
  if (header === undefined) return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}

/** No answer: `unknown`, unless it surely never left. */
export function answerOfFault(error: unknown): PspAnswer {
  if (!(error instanceof EgressFault)) throw error;
  const response = { error: error.reason, message: safeText(error.message) };
  return error.maybeSent
    ? { ...NOTHING, outcome: 'unknown', problem: 'no_answer', response }
    : { ...NOTHING, outcome: 'not_sent', problem: 'provider_unavailable', response };
}

/** An object of another payment (a cache, a mixed-up proxy) says nothing about this one. */
export function aboutPayment(answer: PspAnswer, request: PspRequest): PspAnswer {
  const { payment, httpStatus, response } = answer;
  if (payment === null || payment === paymentKey(request.merchant, request.checkoutId))
    return answer;
  return { ...NOTHING, outcome: 'unknown', problem: 'foreign_answer', httpStatus, response };
}
