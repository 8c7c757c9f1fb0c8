/**
 * A header that names the payment or speaks for its caller comes once. Sent twice, each party
 * on the way could read another one; so such a request is refused, not interpreted.
 */
import type { HttpRequest } from 'uWebSockets.js';

const ONCE = [
  'x-payment-checkout-id',
  'authorization',
  'x-payment-checksum',
  'x-payment-timestamp',
  'idempotency-key',
  'content-type',
  'content-length',
];
const BITS = new Map(ONCE.map((name, i) => [name, 1 << i]));

export function hasRepeatedHeader(req: HttpRequest): boolean {
  let seen = 0;
  let isRepeated = false;
  req.forEach((name) => {
    const bit = BITS.get(name) ?? 0;
    if ((seen & bit) !== 0) isRepeated = true;
    seen |= bit;
  });
  return isRepeated;
}
