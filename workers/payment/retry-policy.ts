/**
 * Decides when a failed payment is retried, and through which topic. Pure except for jitter. The
 * delays grow; a provider's Retry-After is respected.
 */
import { type RetryTicket, retryTicket } from '../../engine/codec/records.js';
import type { NamedDelay } from '../../engine/config/settings.js';
import { paymentKey } from '../../engine/domain/payment.js';
import { retryTopic } from '../../engine/domain/topics.js';
import type { PspAnswer } from '../psp/port.js';

/** Of what is due after so long, the part by which it varies up and down. */
const JITTER = 0.1;
/** The row itself comes up so much later than its ticket, should that be lost. */
export const SWEEP_GRACE_MS = 30_000;
const SWEEP_GRACE_MS_MAX = 600_000;
const ASK_SOON_MS_MAX = 300_000;
const ASK_AFTER_MS_MAX = 3_600_000;
/** A provider that asks for more is asked again after this. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/** @param failures how many there were, 1 or more */
export function delayAfterFailure(
  delays: readonly NamedDelay[],
  failures: number,
  retryAfterMs: number | null,
): number {
  const { ms } = delays[Math.min(failures, delays.length) - 1]!;
  return Math.max(jittered(ms), Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX));
}

/** While a provider takes no calls: the first wait once, then the second. */
export function delayWhileWaiting(delays: readonly NamedDelay[], isFirst: boolean): number {
  return jittered(delays[isFirst ? 0 : Math.min(1, delays.length - 1)]!.ms);
}

/** How long a ticket may travel before the row comes up by itself. Grows with the wait. */
export function sweepGraceMs(waitingSince: number | null, now: number): number {
  const waited = waitingSince === null ? 0 : now - waitingSince;
  return Math.min(Math.max(waited, SWEEP_GRACE_MS), SWEEP_GRACE_MS_MAX);
}

/**
 * The provider has it and is not done: the waits between questions double, up to 5 minutes. What
 * is not done after 10 minutes is asked about after half the time that it has taken so far, at
 * least once an hour.
 * @param pendingMs since the charge was sent
 */
export function delayOfAsk(askAfterMs: number, asks: number, pendingMs: number): number {
  const most = Math.min(Math.max(pendingMs / 2, ASK_SOON_MS_MAX), ASK_AFTER_MS_MAX);
  return jittered(Math.min(askAfterMs * 2 ** Math.min(asks, 20), most));
}

/** The topic of the longest delay that does not exceed what is left. */
export function topicFor(delays: readonly NamedDelay[], ms: number): string {
  const fitting = delays.filter((delay) => delay.ms * (1 - JITTER) <= ms);
  return retryTopic((fitting.at(-1) ?? delays[0]!).name);
}

export function recordOf(
  delays: readonly NamedDelay[],
  ticket: RetryTicket,
  now: number,
): { topic: string; key: string; value: Uint8Array } {
  return {
    topic: topicFor(delays, ticket.due_at - now),
    key: paymentKey(ticket.merchant, ticket.checkout_id),
    value: retryTicket.encode(ticket),
  };
}

/** A stable code for what went wrong: the reason of a retry or of a dead letter. */
export function failureReason({ problem, failureCode }: PspAnswer): string {
  return problem ?? failureCode ?? 'declined';
}

function jittered(ms: number): number {
  return Math.round(ms * (1 - JITTER + Math.random() * 2 * JITTER));
}
