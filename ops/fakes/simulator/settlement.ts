/**
 * The settlement report of a day or a month (UTC), as CSV, written while it is read, many
 * rows per chunk. A movement stands in the report of the day on which the money moved.
 */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import type { Charge, Dispute, Refund } from './ledger.js';

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
  'captured_at',
  'status',
  'refund_reference',
  'dispute_reference',
];
/** 1.4 % of the amount, rounded half up, in minor units. */
const FEE_PER_MILLE = 14;
/** Of each dispute, whatever its amount; minor units. */
const DISPUTE_FEE = 1_500;
/** About 64 KiB. */
const CHUNK_ROWS = 512;

/** The part of the ledger that a report needs. */
export interface Books {
  all(): Iterable<Charge>;
  refunds(): Iterable<Refund>;
  disputes(): Iterable<Dispute>;
  find(reference: string): Charge | undefined;
}

export function settlementCsv(books: Books, period: string): Readable {
  return Readable.from(chunks(rows(books, period)), { objectMode: false });
}

function* chunks(rowsOfPeriod: Iterable<unknown[]>): Iterable<string> {
  let batch: unknown[][] = [COLUMNS];
  for (const row of rowsOfPeriod) {
    if (batch.push(row) < CHUNK_ROWS) continue;
    yield stringify(batch);
    batch = [];
  }
  if (batch.length > 0) yield stringify(batch);
}

function* rows(books: Books, period: string): Iterable<unknown[]> {
  for (const charge of books.all()) {
    if (charge.status !== 'captured' && charge.status !== 'refunded') continue;
    const { reference, merchant, checkout_id, amount, currency, created_at } = charge;
    const captured_at = charge.captured_at ?? created_at;
    if (!captured_at.startsWith(period)) continue;
    const fee = Math.round((amount * FEE_PER_MILLE) / 1_000);
    yield [
      ...[reference, merchant, checkout_id, 'charge', amount, currency, fee, amount - fee],
      ...[created_at, captured_at, 'captured', '', ''],
    ];
  }
  for (const refund of books.refunds()) {
    const charge = books.find(refund.reference);
    if (!charge || !refund.created_at.startsWith(period)) continue;
    const { merchant, checkout_id, currency } = charge;
    const { reference, amount, created_at, refund_reference } = refund;
    yield [
      ...[reference, merchant, checkout_id, 'refund', -amount, currency, 0, -amount],
      ...[created_at, created_at, 'refunded', refund_reference, ''],
    ];
  }
  for (const dispute of books.disputes()) {
    const charge = books.find(dispute.reference);
    if (!charge || !dispute.created_at.startsWith(period)) continue;
    const { merchant, checkout_id, currency } = charge;
    const { reference, amount, created_at, dispute_reference } = dispute;
    yield [
      ...[reference, merchant, checkout_id, 'dispute', -amount, currency, DISPUTE_FEE],
      ...[-amount - DISPUTE_FEE, created_at, created_at, 'disputed', '', dispute_reference],
    ];
  }
}
