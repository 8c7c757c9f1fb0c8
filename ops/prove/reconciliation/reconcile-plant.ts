/**
 * Differences for a month of bulk charges: some by editing the report, some by SQL, each on a
 * charge of its own, and the item that each must give. Where nothing is planted nothing may
 * be found.
 */
import { DISPUTES_SQL, disputeLines, EXPECTED_DISPUTES } from './reconcile-plant-disputes.js';

const COLUMN = { reference: 0, type: 3, amount: 4, currency: 5, fee: 6, status: 10 } as const;

/** `kind state subject` */
export type Expected = ReadonlySet<string>;

interface Edit {
  readonly kind: string;
  readonly state?: string;
  /** What becomes of the charge's line in the report. */
  readonly report?: (fields: string[]) => string[][];
  /** What becomes of the payment; `:id` is its checkout id, `:ref` its reference. */
  readonly sql?: string;
  readonly subject: (n: number) => string;
}

const charge = (n: number): string => `charge:ch_${`${n}`.padStart(10, '0')}`;
const payment = (n: number): string => `payment:shop-${n % 5}/c-${n}`;
const set = (column: keyof typeof COLUMN, change: (value: string) => string) => {
  return (fields: string[]): string[][] => [
    fields.map((field, i) => (i === COLUMN[column] ? change(field) : field)),
  ];
};
const UPDATE = 'update payments set';
const IS_IT = `where checkout_id = ':id'`;

const EDITS: readonly Edit[] = [
  { kind: 'missing_inside', subject: charge, sql: `delete from payments ${IS_IT}` },
  { kind: 'missing_outside', subject: payment, report: () => [] },
  { kind: 'amount_differs', subject: charge, sql: `${UPDATE} amount = amount + 1 ${IS_IT}` },
  {
    kind: 'amount_differs',
    subject: charge,
    report: set('amount', (text) => `${Number(text) + 100}`),
  },
  { kind: 'currency_differs', subject: charge, sql: `${UPDATE} currency = 'CHF' ${IS_IT}` },
  { kind: 'currency_differs', subject: charge, report: set('currency', () => 'GBP') },
  { kind: 'status_differs', subject: charge, sql: `${UPDATE} status = 'failed' ${IS_IT}` },
  { kind: 'status_differs', subject: charge, report: set('status', () => 'canceled') },
  {
    kind: 'duplicate_outside',
    subject: (n) => `${charge(n)}#2`,
    report: (texts) => [texts, texts],
  },
  { kind: 'fee_differs', subject: charge, report: set('fee', (text) => `${Number(text) + 1}`) },
  { kind: 'status_differs', state: 'healed', subject: charge },
  // Another reference, the same id and amount: the same payment.
  { kind: 'matched', subject: charge, report: set('reference', (text) => `${text}x`) },
];
const OPEN = EDITS.findIndex((edit) => edit.state === 'healed');
/** Charged again under another reference, with the first charge reported too. */
const TWICE = 'ch_second';
const ADDED = 'ch_nobody_knows';
const LATE = 'late-1';

export class Plant {
  readonly #each: number;
  readonly #step: number;

  /** Of each kind one in a hundred thousand, at least three. */
  constructor(count: number) {
    this.#each = Math.max(3, Math.floor(count / 100_000));
    this.#step = Math.floor(count / (this.#each * EDITS.length + 1));
  }

  /** Payments whose outcome we never heard: rules put them right. */
  get openCheckouts(): string[] {
    return this.#places().flatMap(([n, edit]) => (edit === EDITS[OPEN] ? [`c-${n}`] : []));
  }

  get expected(): Expected {
    const planted = this.#places().filter(([, edit]) => edit.kind !== 'matched');
    return new Set([
      ...planted.map(([n, edit]) => `${edit.kind} ${edit.state ?? 'open'} ${edit.subject(n)}`),
      `missing_inside open charge:${ADDED}`,
      `duplicate_outside open charge:${TWICE}`,
      `late carried payment:shop-0/${LATE}`,
      ...EXPECTED_DISPUTES,
    ]);
  }

  /** Lines of the report in, lines out. */
  async *edit(lines: AsyncIterable<string>): AsyncGenerator<string> {
    const edits = new Map(this.#places());
    let n = -1;
    for await (const line of lines) {
      const fields = line.split(',');
      const edit = fields[COLUMN.type] === 'charge' ? edits.get(n) : undefined;
      for (const texts of edit?.report?.(fields) ?? [fields]) yield `${texts.join(',')}\n`;
      for (const dispute of disputeLines(n, fields)) yield `${dispute}\n`;
      if (n === 1) {
        yield `${[ADDED, 'shop-1', 'unheard-of', ...fields.slice(COLUMN.type)].join(',')}\n`;
        yield `${[TWICE, ...fields.slice(1)].join(',')}\n`;
      }
      n++;
    }
  }

  get sql(): string {
    const changes = this.#places().flatMap(([n, { sql }]) => sql?.replace(':id', `c-${n}`) ?? []);
    return [
      ...changes,
      DISPUTES_SQL,
      `insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
         payment_method, provider, provider_reference, version, idempotency_key, accepted_at,
         updated_at)
       values ('shop-0', '${LATE}', 0, '', 'succeeded', 5, 'USD', 'pm_card_visa', 'simulator',
         'ch_late', 2, 'k', now(), '2026-03-31 23:40Z')`,
      `insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency,
         amount_minor, at)
       values ('charge/shop-0/${LATE}', 'shop-0', '${LATE}', 'provider:simulator', 'USD', 5,
           '2026-03-31 23:40Z'),
         ('charge/shop-0/${LATE}', 'shop-0', '${LATE}', 'merchant:shop-0', 'USD', -5,
           '2026-03-31 23:40Z')`,
    ].join(';\n');
  }

  /** Spread over the month; charges with a refund (every 50th) are left alone. */
  #places(): [number, Edit][] {
    return EDITS.flatMap((edit, kind) =>
      Array.from({ length: this.#each }, (_, i): [number, Edit] => {
        const n = (i * EDITS.length + kind + 1) * this.#step;
        return [n % 50 === 0 ? n + 1 : n, edit];
      }),
    );
  }
}
