/**
 * What every provider's answers go through before they may be kept: only named fields, and
 * no text that looks like a card number or a secret, nor what Postgres cannot hold.
 */
import { maskCardData, maskCardValues } from '../../engine/core/card-mask.js';
import { passesLuhn } from '../../engine/core/card-number.js';
import { EgressFault } from './egress.js';
import type { PspAnswer } from './port.js';

const TEXT_CHARS_MAX = 500;
const RETRY_AFTER_MS_MAX = 3_600_000;
const CARD_LIKE = /\d(?:[ -]?\d){12,18}/g;
const SECRET_LIKE = /\b(?:sk|rk|whsec|pk)_\w{4,}|\b\w+_secret_\w+|(?<=client_secret=)[^&\s]+/g;

/** An answer that says nothing yet. */
export const NOTHING = {
  reference: null,
  failureCode: null,
  nextAction: null,
  retryAfterMs: null,
  httpStatus: null,
} as const;

/** Without U+0000, lone surrogates, card numbers and secrets; at most 500 characters. */
export function safeText(text: string): string {
  const clean = text.slice(0, TEXT_CHARS_MAX).replaceAll('\0', '').toWellFormed();
  return clean
    .replace(SECRET_LIKE, '[secret]')
    .replace(CARD_LIKE, (it) => (passesLuhn(it.replaceAll(/\D/g, '')) ? '[card]' : it));
}

/** A provider may say anything; the reference alone is kept as it is, for it names the charge. */
export function withoutCardData(answer: PspAnswer): PspAnswer {
  const failureCode = answer.failureCode === null ? null : maskCardData(answer.failureCode);
  return {
    ...answer,
    failureCode,
    nextAction: maskCardValues(answer.nextAction),
    response: maskCardValues(answer.response),
  };
}

/** Those of the named fields that are there; texts made safe, objects left out. */
export function pick(from: object, names: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const name of names) {
    const value = (from as Record<string, unknown>)[name];
    if (typeof value === 'string') found[name] = safeText(value);
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
  return { ...NOTHING, outcome: error.maybeSent ? 'unknown' : 'not_sent', response };
}
