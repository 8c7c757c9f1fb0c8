/**
 * What differs between providers' webhooks: the signature, and where the event's type and id are.
 */

export type Verdict = 'genuine' | 'forged' | 'stale';

export interface EventIdentity {
  /** The provider's own; a repeat has the same. */
  readonly eventId: string;
  /** The payment it names, where it names one. */
  readonly merchant: string | null;
  readonly checkoutId: string | null;
}

export interface Scheme {
  /** The header that carries the signature, in lower case. */
  readonly header: string;
  /** @param secrets any of them may have signed it */
  verify(body: Buffer, signature: string, secrets: readonly string[], nowMs: number): Verdict;
  /** @returns undefined when the event has no usable id */
  identify(event: unknown): EventIdentity | undefined;
}

/** How far a signature's time may lie from ours, both ways. */
export const TOLERANCE_SECONDS = 300;

const EVENT_ID = /^[A-Za-z0-9_.:-]{1,255}$/;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** @param names where the event names the payment */
export function identityOf(
  eventId: unknown,
  names: { merchant?: unknown; checkout_id?: unknown } | null | undefined,
): EventIdentity | undefined {
  if (typeof eventId !== 'string' || !EVENT_ID.test(eventId)) return undefined;
  const merchant = nameOf(names?.merchant);
  const checkoutId = nameOf(names?.checkout_id);
  const isNamed = merchant !== null && checkoutId !== null;
  return {
    eventId,
    merchant: isNamed ? merchant : null,
    checkoutId: isNamed ? checkoutId : null,
  };
}

function nameOf(value: unknown): string | null {
  return typeof value === 'string' && NAME.test(value) ? value : null;
}
