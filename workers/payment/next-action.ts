/**
 * Decides the next action for a payment with unknown outcome. Pure: from the row and the
 * provider's stated guarantees.
 *
 * A key is sent again only inside the provider's idempotency window. An empty `find` is proof only
 * after the stated lag, and only then may a new attempt begin. After the deadline nothing is sent
 * any more, even after a redrive: the attempt is only looked up.
 */
import type { Ask } from '../postgres/claims.js';
import type { PspTraits } from '../psp/port.js';

export type Plan =
  /** Surely nobody has it: it may go out, to any provider; not after `until`. */
  | { readonly kind: 'send_first'; readonly until: number }
  /** The same key again; not after `until`, Unix milliseconds. */
  | { readonly kind: 'send_again'; readonly until: number }
  /**
   * An empty answer at or after `provesFrom` proves that this attempt was not taken: a new one
   * may begin until `until`, and after that the payment expires.
   */
  | { readonly kind: 'find'; readonly provesFrom: number; readonly until: number }
  /** The provider has named the charge; before `visibleFrom` it may say that it has none. */
  | { readonly kind: 'retrieve'; readonly visibleFrom: number }
  /** The payer's time is over. */
  | { readonly kind: 'cancel'; readonly reference: string }
  | { readonly kind: 'expire' };

export interface PlanSettings {
  readonly deadlineMs: number;
  readonly pspTimeoutMs: number;
}

/** Of a provider's key window, the part that is trusted: clocks and queues take the rest. */
const KEY_WINDOW_TRUSTED = 0.9;
/** A send begins at most so long after it was committed, or not at all. */
export const SEND_WITHIN_MS = 3_000;

export function planNext(ask: Ask, psp: PspTraits, settings: PlanSettings, now: number): Plan {
  const deadline = deadlineOf(ask, settings);
  if (ask.firstSentAt === null || ask.lastSentAt === null)
    return now > deadline ? { kind: 'expire' } : { kind: 'send_first', until: deadline };
  if (ask.providerReference !== null) {
    const isOver = ask.actionExpiresAt !== null && now >= ask.actionExpiresAt;
    return ask.status === 'requires_action' && isOver
      ? { kind: 'cancel', reference: ask.providerReference }
      : { kind: 'retrieve', visibleFrom: ask.lastSentAt + psp.findLagMs };
  }
  const keyEnd = ask.firstSentAt + psp.keyWindowMs * KEY_WINDOW_TRUSTED - settings.pspTimeoutMs;
  const until = Math.min(keyEnd, deadline);
  if (now < until && !ask.findOnly) return { kind: 'send_again', until };
  const arrivedBy = ask.lastSentAt + SEND_WITHIN_MS + settings.pspTimeoutMs;
  return { kind: 'find', provesFrom: arrivedBy + psp.findLagMs, until: deadline };
}

/** Unix milliseconds after which nothing of the payment may be sent. */
export function deadlineOf(entry: { readonly acceptedAt: number }, settings: PlanSettings): number {
  return entry.acceptedAt + settings.deadlineMs;
}
