/**
 * A header that names the payment or speaks for its caller comes once. Sent twice, each party
 * on the way could read another one; so such a request is refused, not interpreted.
 */
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

/** The bit of a header that may come once; 0 for every other. */
export function onceBit(name: string): number {
  return BITS.get(name) ?? 0;
}
