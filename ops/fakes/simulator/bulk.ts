/**
 * Books of as many charges in a month as wanted, made while they are read and the same every
 * time: for reports that are larger than a ledger in memory. Some charges have a refund.
 */
import type { Charge, Dispute, Refund } from './ledger.js';
import type { Books } from './settlement.js';

const CURRENCIES = ['USD', 'EUR', 'JPY', 'BHD'] as const;
const MERCHANTS = 5;
const REFUND_EVERY = 50;
const REFUND_AMOUNT = 10;

export class BulkBooks implements Books {
  readonly #count: number;
  readonly #from: number;
  readonly #ms: number;

  /** @param month YYYY-MM */
  constructor(count: number, month: string) {
    const [year, number] = month.split('-').map(Number) as [number, number];
    this.#count = count;
    this.#from = Date.UTC(year, number - 1, 1);
    this.#ms = Date.UTC(year, number, 1) - this.#from;
  }

  *all(): Iterable<Charge> {
    for (let n = 0; n < this.#count; n++) yield this.#charge(n);
  }

  *refunds(): Iterable<Refund> {
    for (let n = 0; n < this.#count; n += REFUND_EVERY) {
      const { reference, created_at } = this.#charge(n);
      const refund_reference = reference.replace('ch_', 're_');
      const idempotency_key = `refund/${n}`;
      yield { refund_reference, idempotency_key, reference, amount: REFUND_AMOUNT, created_at };
    }
  }

  disputes(): Iterable<Dispute> {
    return [];
  }

  find(reference: string): Charge {
    return this.#charge(Number(reference.slice('ch_'.length)));
  }

  #charge(n: number): Charge {
    const merchant = `shop-${n % MERCHANTS}`;
    const checkout_id = `c-${n}`;
    return {
      reference: `ch_${`${n}`.padStart(10, '0')}`,
      merchant,
      checkout_id,
      idempotency_key: `${merchant}/${checkout_id}/charge/1`,
      status: 'captured',
      amount: 100 + ((n * 7_919) % 100_000),
      currency: CURRENCIES[n % CURRENCIES.length]!,
      payment_method: 'pm_card_visa',
      failure_code: null,
      refunded_amount: n % REFUND_EVERY === 0 ? REFUND_AMOUNT : 0,
      created_at: new Date(this.#from + Math.floor((n * this.#ms) / this.#count)).toISOString(),
    };
  }
}
