/** The kinds of differences, and how a reported line and our payment are compared, as SQL. */

/** Words of reports for a charge whose money was taken. */
export const TAKEN = `'captured', 'refunded', 'settled', 'paid'`;

/** Each in the order in which it is looked for: a line gets the first that fits. */
export const ITEM_KINDS = [
  'duplicate_outside',
  'missing_inside',
  'currency_differs',
  'amount_differs',
  'status_differs',
  'fee_differs',
  'missing_outside',
  'late',
] as const;

/**
 * A charge `l` of a report against our payment `p`, which is there; `f` is the agreed fee.
 * Without an agreed fee, or one in the report, fees are not compared.
 */
export const CHARGE_VERDICT = `
  case
    when l.currency <> p.currency then 'currency_differs'
    when l.amount_minor <> p.amount then 'amount_differs'
    when (l.status in (${TAKEN})) <> (p.status = 'succeeded') then 'status_differs'
    when p.status <> 'succeeded' then 'agreed'
    when l.fee_minor <> l.amount_minor * f.per_mille / 1000 then 'fee_differs'
    else 'matched'
  end`;

/** All refunds of one charge together; what we know of is at least what was reported. */
export const REFUND_VERDICT = `
  case
    when p.status <> 'succeeded' then 'status_differs'
    when l.currency <> p.currency then 'currency_differs'
    when l.refunded > p.refunded_amount then 'amount_differs'
    else 'matched'
  end`;
