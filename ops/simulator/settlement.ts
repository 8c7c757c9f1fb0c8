/** The settlement report of a day or a month (UTC), as CSV, written while it is read. */
import type { Readable } from 'node:stream';
import { Readable as Stream } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { Ledger } from './ledger.js';

const COLUMNS = [
  'reference',
  'merchant',
  'checkout_id',
  'type',
  'amount',
  'currency',
  'fee',
  'net',
  'created_at',
];
/** 1.4 % of the amount, rounded down, in minor units. */
const FEE_PER_MILLE = 14;

export function settlementCsv(ledger: Ledger, period: string): Readable {
  return Stream.from(rows(ledger, period)).pipe(stringify({ header: true, columns: COLUMNS }));
}

function* rows(ledger: Ledger, period: string): Iterable<unknown[]> {
  for (const it of ledger.all()) {
    if (it.status !== 'captured' && it.status !== 'refunded') continue;
    if (!it.created_at.startsWith(period)) continue;
    const fee = Math.floor((it.amount * FEE_PER_MILLE) / 1_000);
    const { reference, merchant, checkout_id, amount, currency, created_at } = it;
    const net = amount - fee;
    yield [reference, merchant, checkout_id, 'charge', amount, currency, fee, net, created_at];
  }
  for (const refund of ledger.refunds()) {
    const charge = ledger.find(refund.reference);
    if (!charge || !refund.created_at.startsWith(period)) continue;
    const { merchant, checkout_id, currency } = charge;
    const { reference, amount, created_at } = refund;
    yield [reference, merchant, checkout_id, 'refund', -amount, currency, 0, -amount, created_at];
  }
}
