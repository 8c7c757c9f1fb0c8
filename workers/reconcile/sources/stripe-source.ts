/**
 * Stripe's balance transactions as a report: charges, refunds and disputes of a day or a month
 * (UTC), page by page, written in the columns that every report has. A dispute is an `adjustment`
 * whose source is one: it takes the amount and a fee, and gives the amount back when it is won.
 */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { Stripe } from 'stripe';
import { EngineError } from '../../../engine/util/errors.js';
import { minorAmount } from '../../psp/stripe/amounts.js';
import { addDays, monthDays, type Period, reportsFor } from '../calendar.js';
import type { Report, SettlementSource } from './source.js';

const PAGE = 100;
const COLUMNS = [
  'reference',
  'merchant',
  'checkout_id',
  'type',
  'amount',
  'currency',
  'fee',
  'refund_reference',
  'dispute_reference',
  'settled_currency',
  'created_at',
];
const KINDS = new Map([
  ['charge', 'charge'],
  ['payment', 'charge'],
  ['refund', 'refund'],
  ['payment_refund', 'refund'],
  ['refund_failure', 'refund'],
  ['adjustment', 'dispute'],
]);

/** The part of Stripe's client that is used. */
export type BalanceTransactions = Pick<Stripe['balanceTransactions'], 'list'>;

export class StripeSource implements SettlementSource {
  readonly provider = 'stripe';
  readonly #transactions: BalanceTransactions;

  constructor(transactions: BalanceTransactions) {
    this.#transactions = transactions;
  }

  async reports(period: Period, from: Date): Promise<readonly Report[]> {
    return reportsFor(period, from).map((report) => ({
      name: `${report}.csv`,
      amounts: 'minor',
      open: async () => csvOf(this.#rows(report)),
    }));
  }

  async *#rows(label: string): AsyncGenerator<unknown[]> {
    const [first, next] = label.length === 7 ? monthDays(label) : [label, addDays(label, 1)];
    const transactions = this.#transactions.list({
      created: { gte: seconds(first), lt: seconds(next) },
      limit: PAGE,
      expand: ['data.source'],
    });
    for await (const transaction of transactions) {
      const row = rowOf(transaction);
      if (row) yield row;
    }
  }
}

function csvOf(rows: AsyncIterable<unknown[]>): Readable {
  const from = Readable.from(rows);
  const csv = stringify({ header: true, columns: COLUMNS });
  from.once('error', (error) => csv.destroy(error));
  return from.pipe(csv);
}

/** @returns undefined for what is no movement of a payment, such as a payout or another adjustment */
export function rowOf(transaction: Stripe.BalanceTransaction): unknown[] | undefined {
  const kind = KINDS.get(transaction.type);
  if (kind === undefined || transaction.source === null || typeof transaction.source === 'string')
    return undefined;
  const source = transaction.source as Stripe.Charge | Stripe.Refund | Stripe.Dispute;
  if ((kind === 'dispute') !== (source.object === 'dispute')) return undefined;
  const charge = 'charge' in source ? idOf(source.charge) : source.id;
  const currency = source.currency.toUpperCase();
  const hasFailed = transaction.type === 'refund_failure';
  const isOneCurrency = source.currency === transaction.currency;
  return [
    idOf(source.payment_intent) ?? charge,
    source.metadata?.['merchant'],
    source.metadata?.['checkout_id'],
    kind,
    minorOf(amountOf(transaction, source), currency),
    currency,
    // A fee in another currency than the payment's cannot be booked with it.
    isOneCurrency ? minorOf(transaction.fee, currency) : '',
    source.object === 'refund' ? `${source.id}${hasFailed ? '/failed' : ''}` : '',
    source.object === 'dispute' ? source.id : '',
    isOneCurrency ? '' : transaction.currency.toUpperCase(),
    new Date(transaction.created * 1_000).toISOString(),
  ];
}

function amountOf(
  transaction: Stripe.BalanceTransaction,
  source: Stripe.Charge | Stripe.Refund | Stripe.Dispute,
): number {
  // The money of a refund that failed comes back: a refund of less than nothing.
  if (source.object === 'refund')
    return transaction.type === 'refund_failure' ? source.amount : -source.amount;
  if (source.object !== 'dispute') return source.amount;
  // What was moved, which need not be the dispute's amount; its sign is the direction.
  return source.currency === transaction.currency
    ? transaction.amount
    : Math.sign(transaction.amount) * source.amount;
}

function minorOf(amount: number, currency: string): number {
  const minor = minorAmount(amount, currency);
  if (minor === undefined) throw new EngineError('report_invalid', `${amount} is no ${currency}`);
  return minor;
}

function idOf(text: string | { readonly id: string } | null | undefined): string | undefined {
  return typeof text === 'string' ? text : text?.id;
}

function seconds(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 1_000;
}
