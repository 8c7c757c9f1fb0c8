/** The record that suites write: what a plain checkout becomes. */
import type { CheckoutAccepted } from '../../engine/codec/records.js';

export function sampleCheckout(checkoutId: string, n: number): CheckoutAccepted {
  return {
    fingerprint: Buffer.alloc(32, 7),
    shard: 0,
    accepted_at: 1_700_000_000_000 + n,
    merchant: 'default',
    checkout_id: checkoutId,
    amount: 1999,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    provider: 'auto',
    description: null,
    metadata: {},
  };
}

/** A longer one: with a description and metadata, some two hundred bytes. */
export function longCheckout(checkoutId: string, n: number): CheckoutAccepted {
  return {
    ...sampleCheckout(checkoutId, n),
    description: 'two hundred bytes or so, as a checkout with a description and a few fields has',
    metadata: { order: `${n}`, campaign: 'autumn' },
  };
}
