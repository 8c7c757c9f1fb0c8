/** Runs the code path of a checkout before the first request, so that the first one is not slow. */
import { checkoutAccepted } from '../engine/codec/records.js';
import { invariant } from '../engine/util/errors.js';
import { isProblem, parseCheckout } from './checkouts/checkout.js';
import { CHECKOUT_BYTES_MAX } from './checkouts/checkout-message.js';
import { acceptedBody } from './reads/payment-view.js';

const ROUNDS = 300;
const SAMPLE = Buffer.from(
  JSON.stringify({
    amount: 1_999,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    description: 'a sample',
    metadata: { order: '1' },
  }),
);

/** Takes some ten milliseconds; nothing is stored. */
export function warmUp(shard: number): void {
  const buffer = Buffer.alloc(CHECKOUT_BYTES_MAX);
  for (let i = 0; i < ROUNDS; i++) {
    const record = parseCheckout(SAMPLE, 'default', `warm-up-${i}`, shard);
    invariant(!isProblem(record), 'the sample is a checkout');
    const end = checkoutAccepted.encodeInto(record, buffer, 0);
    const body = acceptedBody(record, record.accepted_at);
    invariant(end > 0 && body.length > 0, 'the sample fits');
  }
}
