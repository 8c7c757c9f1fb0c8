/** The kinds of differences, and how a reported line and our payment are compared, as SQL. */
import { agreedFee, type Rounding } from './fees.js';

/** Words of reports for a charge whose money was taken. */
export const TAKEN = `'captured', 'refunded', 'settled', 'paid'`;

/** Each in the order in which it is looked for: a line gets the first that fits. */
export const ITEM_KINDS = [
  'duplicate_outside',
  'missing_inside',
  'currency_differs',
  'amount_differs',
  'status_differs',
  'settlement_currency_differs',
  'fee_differs',
  'missing_outside',
  'late',
] as const;

/**
 * A charge `l` of a report against our payment `p`, which is there. Without an agreed fee, fees
 * are not compared; where one is agreed, a report without a fee differs. What is paid out in
 * another currency is for a person: its fee and net are not in the payment's currency.
 */
export const chargeVerdict = (rounding: Rounding): string => `
  case
    when l.currency <> p.currency then 'currency_differs'
    when l.amount_minor <> p.amount then 'amount_differs'
    when (l.status in (${TAKEN})) <> (p.status = 'succeeded') then 'status_differs'
    when p.status <> 'succeeded' then 'agreed'
    when l.settled_currency <> l.currency then 'settlement_currency_differs'
    when l.fee_minor is distinct from coalesce(${agreedFee(rounding)}, l.fee_minor)
      then 'fee_differs'
    else 'matched'
  end`;

/** All refunds of one charge together, and those settled earlier (`e`), against what we know of. */
export const REFUND_VERDICT = `
  case
    when p.status <> 'succeeded' then 'status_differs'
    when l.currency <> p.currency then 'currency_differs'
    when l.refunded + coalesce(e.refunded, 0) > p.refunded_amount then 'amount_differs'
    when l.settled_currency <> l.currency then 'settlement_currency_differs'
    else 'matched'
  end`;
