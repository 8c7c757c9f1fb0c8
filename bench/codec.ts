/** Encoding and decoding of the hot record, by tinybench; figures only, no target. */
import { Bench } from 'tinybench';
import { checkoutAccepted } from '../engine/codec/records.js';

export async function benchCodec(milliseconds: number): Promise<void> {
  const record = {
    fingerprint: Buffer.alloc(32, 7),
    shard: 0,
    accepted_at: 1_700_000_000_000,
    merchant: 'default',
    checkout_id: 'bench-1',
    amount: 1999,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    provider: 'auto',
    description: null,
    metadata: {},
  };
  const bytes = checkoutAccepted.encode(record);
  const slot = Buffer.alloc(512);
  const bench = new Bench({ time: milliseconds });
  bench.add('encode into a slot', () => void checkoutAccepted.encodeInto(record, slot, 0));
  bench.add('decode', () => void checkoutAccepted.decode(bytes));
  await bench.run();
  console.table(bench.table());
}
