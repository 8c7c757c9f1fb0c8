/**
 * Disputes for a month of bulk charges, each on a charge of its own: known and reported, known and
 * won, known and not reported, reported and not known. Only the last two are differences.
 */
const TYPE = 3;

interface Planted {
  /** The charge. */
  readonly n: number;
  readonly amount: number;
  /** What webhooks have said of it; undefined: nothing. */
  readonly known?: 'taken' | 'void';
  readonly isReported: boolean;
}

const DISPUTES: readonly Planted[] = [
  { n: 3, amount: 300, isReported: true },
  { n: 4, amount: 400, known: 'taken', isReported: true },
  { n: 6, amount: 600, known: 'taken', isReported: false },
  { n: 7, amount: 700, known: 'void', isReported: true },
];
const FEE = 1_500;

export const EXPECTED_DISPUTES = [
  'missing_inside healed dispute:dp_3',
  'missing_outside open disputed:shop-1/c-6',
];

/** Booked and never taken off a payout, since no report has it. */
export const UNSETTLED_MINOR = 600;

/** @param fields the line of charge `n` @returns the lines of its dispute */
export function disputeLines(n: number, fields: readonly string[]): string[] {
  const dispute = DISPUTES.find((planted) => planted.n === n);
  if (!dispute?.isReported) return [];
  const line = (amount: number, fee: number): string => {
    const money = ['dispute', amount, fields[TYPE + 2], fee, amount - fee];
    return [
      ...fields.slice(0, TYPE),
      ...money,
      ...fields.slice(8, 10),
      'disputed',
      '',
      `dp_${n}`,
    ].join();
  };
  const taken = line(-dispute.amount, FEE);
  return dispute.known === 'void' ? [taken, line(dispute.amount, 0)] : [taken];
}

/** What webhooks have left behind. */
export const DISPUTES_SQL = DISPUTES.filter((dispute) => dispute.known !== undefined)
  .map(({ n, amount, known }) => {
    const [merchant, id] = [`shop-${n % 5}`, `c-${n}`];
    const entry = (version: number, account: string, more: number): string =>
      `('dispute/${merchant}/${id}/${version}', '${merchant}', '${id}', '${account}',
        (select currency from payments where checkout_id = '${id}'), ${more}, '2026-03-02 12:00Z')`;
    const booked = (version: number, more: number): string[] => [
      entry(version, 'provider:simulator', -more),
      entry(version, `disputed:${merchant}`, more),
    ];
    const entries = [...booked(3, amount), ...(known === 'void' ? booked(4, -amount) : [])];
    return `insert into payment_parts (provider, kind, part_id, merchant, checkout_id, amount, state)
      values ('simulator', 'disputed', 'dp_${n}', '${merchant}', '${id}', ${amount}, '${known}');
      update payments set disputed_amount = ${known === 'void' ? 0 : amount}
        where checkout_id = '${id}';
      insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency,
        amount_minor, at) values ${entries.join(',\n')}`;
  })
  .join(';\n');
