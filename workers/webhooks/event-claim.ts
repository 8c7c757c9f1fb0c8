/** A provider's event as a claim for the state machine, or the reason why it is none. */
import type { PartState } from '../payment/partial-amounts.js';
import type { WebhookClaim } from '../payment/state-machine.js';

/** `other`: an event of no kind that changes a payment. */
export type Reading =
  | { readonly kind: 'claim'; readonly claim: WebhookClaim }
  | { readonly kind: 'other'; readonly type: string }
  | { readonly kind: 'malformed'; readonly detail: string };

/** A JSON value of which nothing is known yet. */
export type Json = { readonly [name: string]: unknown } | null | undefined;

const PART_ID = /^[\x21-\x7e]{1,255}$/;

/** A claim if its fields are what they must be. */
export function claim(
  type: string,
  status: WebhookClaim['status'],
  fields: {
    reference: unknown;
    amount: unknown;
    currency: unknown;
    failureCode?: unknown;
    part?: { readonly id: unknown; readonly state: PartState };
  },
): Reading {
  const { reference, amount, currency, failureCode, part } = fields;
  if (typeof reference !== 'string' || reference === '' || reference.length > 255)
    return { kind: 'malformed', detail: `${type} names no charge` };
  if (!Number.isSafeInteger(amount) || (amount as number) < 0)
    return { kind: 'malformed', detail: `${type} has no amount in minor units` };
  if (typeof currency !== 'string' || !/^[A-Za-z]{3}$/.test(currency))
    return { kind: 'malformed', detail: `${type} has no currency` };
  const code = typeof failureCode === 'string' && failureCode !== '' ? failureCode : null;
  return {
    kind: 'claim',
    claim: {
      type: type.slice(0, 100),
      status,
      reference,
      amountMinor: amount as number,
      currency: currency.toUpperCase(),
      failureCode: code?.slice(0, 100) ?? null,
      ...(part && typeof part.id === 'string' && PART_ID.test(part.id)
        ? { part: { id: part.id, state: part.state } }
        : {}),
    },
  };
}

export function typeOf(event: Json): string {
  const type = event?.['type'];
  return typeof type === 'string' && /^[\w.-]{1,100}$/.test(type) ? type : 'unnamed';
}
