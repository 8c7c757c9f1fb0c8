/**
 * Captures that a payment's status does not allow: suspected after a webhook or an answer, then
 * confirmed, booked and reversed. Each step is one statement that changes the row only from the
 * state in which it was claimed, so a repeated step has no second effect.
 */
import type pg from 'pg';
import type { PaymentStatusName } from '../../engine/domain/payment.js';

export type LateCaptureState = 'suspected' | 'confirmed' | 'reversing' | 'reversed' | 'unfounded';

export interface LateCapture {
  readonly provider: string;
  readonly reference: string;
  readonly merchant: string;
  readonly checkoutId: string;
  readonly state: LateCaptureState;
  /** Minor units; null until it is confirmed. */
  readonly amount: number | null;
  readonly currency: string | null;
  readonly attempt: number;
  readonly tries: number;
  /** Unix milliseconds, by the clock of Postgres. */
  readonly createdAt: number;
  readonly sentAt: number | null;
  readonly now: number;
  /** What was asked for. */
  readonly paymentAmount: number;
  readonly paymentCurrency: string;
  readonly paymentStatus: PaymentStatusName;
  /** The payment was paid by this very charge. */
  readonly isPaidByIt: boolean;
}

export interface Suspicion {
  readonly provider: string;
  readonly reference: string;
  readonly merchant: string;
  readonly checkout_id: string;
}

/** A claim that was unfounded once may be true now. */
export const SUSPECT_AGAIN = `
on conflict (provider, reference) do update set state = 'suspected', tries = 0,
  next_try_at = now(), updated_at = now() where late_captures.state = 'unfounded'`;

/** Unless the charge is the one that the payment was paid by, or the payment has not ended. */
const SUSPECT = `
insert into late_captures (provider, reference, merchant, checkout_id)
select $1, $2, p.merchant, p.checkout_id from payments p
where p.merchant = $3 and p.checkout_id = $4 and (p.status in ('failed', 'canceled')
  or p.status = 'succeeded' and (p.provider, p.provider_reference) is distinct from ($1, $2))
${SUSPECT_AGAIN}`;

const MS = (column: string): string => `round(extract(epoch from ${column}) * 1000)::float8`;

const CLAIM = {
  name: 'claim-late-captures',
  text: `
with due as (
  select provider, reference from late_captures
  where next_try_at <= now() order by next_try_at limit $1 for update skip locked)
update late_captures l set tries = l.tries + 1, next_try_at = now() + $2 * interval '1 ms'
from due, payments p
where l.provider = due.provider and l.reference = due.reference
  and p.merchant = l.merchant and p.checkout_id = l.checkout_id
returning l.provider, l.reference, l.merchant, l.checkout_id as "checkoutId", l.state, l.amount,
  l.currency, l.attempt, l.tries, ${MS('l.created_at')} as "createdAt",
  ${MS('l.sent_at')} as "sentAt", ${MS('now()')} as now, p.amount as "paymentAmount",
  p.currency as "paymentCurrency", p.status as "paymentStatus",
  p.status = 'succeeded' and p.provider = l.provider
    and p.provider_reference is not distinct from l.reference as "isPaidByIt"`,
};

/** $1 provider, $2 reference, $3 amount, $4 currency, $5 whether it is reversed by itself, $6 detail, $7 attempts. */
const CONFIRM = `
with late as (
  update late_captures set state = 'confirmed', amount = $3, currency = $4, tries = 0,
    next_try_at = case when $5 then now() end, updated_at = now()
  where provider = $1 and reference = $2 and state = 'suspected'
  returning *),
changed as (
  update payments p set dead_reason = 'captured_after_end', dead_at = now(),
    dead_detail = left($6, 1000), dead_attempts = $7, version = p.version + 1, updated_at = now()
  from late l where p.merchant = l.merchant and p.checkout_id = l.checkout_id
  returning p.merchant, p.checkout_id, p.version, p.status),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select merchant, checkout_id, version, status, 'captured_after_end', 'provider' from changed)
insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
select 'late_charge/' || l.provider || '/' || l.reference, l.merchant, l.checkout_id, e.account,
  l.currency, e.amount
from late l cross join lateral (values
  ('provider:' || l.provider, l.amount), ('merchant:' || l.merchant, -l.amount)) e(account, amount)`;

/** The intent of a refund: no commit, no call. */
const BEGIN = `
update late_captures set state = 'reversing', attempt = $4, sent_at = now(), updated_at = now()
where provider = $1 and reference = $2 and state = $3 and attempt <= $4 and amount is not null`;

const ANOTHER_IS_OPEN = `exists (
      select from late_captures o where o.merchant = p.merchant and o.checkout_id = p.checkout_id
        and o.reference <> l.reference and o.state in ('confirmed', 'reversing'))`;

/** What a payment that was not paid gets back is all of it; one that was paid stays as it is. */
const REVERSE = `
with late as (
  update late_captures set state = 'reversed', next_try_at = null, detail = $3, updated_at = now()
  where provider = $1 and reference = $2 and state = 'reversing'
  returning *),
changed as (
  update payments p set version = p.version + 1, updated_at = now(),
    dead_reason = case when ${ANOTHER_IS_OPEN} then p.dead_reason end,
    dead_at = case when ${ANOTHER_IS_OPEN} then p.dead_at end,
    refunded_amount = case when p.status in ('failed', 'canceled') and p.currency = l.currency
      then least(p.amount, p.refunded_amount + l.amount) else p.refunded_amount end
  from late l where p.merchant = l.merchant and p.checkout_id = l.checkout_id
  returning p.merchant, p.checkout_id, p.version, p.status),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select merchant, checkout_id, version, status, 'captured_after_end_reversed', 'provider'
  from changed)
insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
select 'late_refund/' || l.provider || '/' || l.reference, l.merchant, l.checkout_id, e.account,
  l.currency, e.amount
from late l cross join lateral (values
  ('provider:' || l.provider, -l.amount), ('merchant:' || l.merchant, l.amount)) e(account, amount)`;

const LATER = `
update late_captures set next_try_at = now() + $4 * interval '1 ms', detail = $5, updated_at = now()
where provider = $1 and reference = $2 and state = $3`;

const END = `
update late_captures set state = $4, attempt = $5, next_try_at = null, detail = $6,
  updated_at = now()
where provider = $1 and reference = $2 and state = $3`;

/** @returns false when it is known, or no capture after the end */
export async function suspectLateCapture(pool: pg.Pool, suspicion: Suspicion): Promise<boolean> {
  const values = [
    suspicion.provider,
    suspicion.reference,
    suspicion.merchant,
    suspicion.checkout_id,
  ];
  return (await pool.query(SUSPECT, values)).rowCount === 1;
}

export async function claimLateCaptures(
  pool: pg.Pool,
  rowsMax: number,
  leaseMs: number,
): Promise<LateCapture[]> {
  return (await pool.query<LateCapture>({ ...CLAIM, values: [rowsMax, leaseMs] })).rows;
}

export async function countOpenLateCaptures(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*) from late_captures where state in ('suspected', 'confirmed', 'reversing')`,
  );
  return Number(rows[0]!.count);
}

export interface Confirmation {
  readonly provider: string;
  readonly reference: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly isReversed: boolean;
  readonly detail: string;
  readonly attempts: number;
}

export async function confirmLateCapture(pool: pg.Pool, confirmation: Confirmation): Promise<void> {
  const { provider, reference, amountMinor, currency, isReversed, detail, attempts } = confirmation;
  const values = [provider, reference, amountMinor, currency, isReversed, detail, attempts];
  await pool.query(CONFIRM, values);
}

/** @returns whether a refund may be sent: somebody else may have been faster */
export async function beginReversal(
  pool: pg.Pool,
  capture: LateCapture,
  attempt: number,
): Promise<boolean> {
  return (
    (await pool.query(BEGIN, [capture.provider, capture.reference, capture.state, attempt]))
      .rowCount === 1
  );
}

export async function recordReversal(
  pool: pg.Pool,
  capture: LateCapture,
  refund: string | null,
): Promise<void> {
  await pool.query(REVERSE, [capture.provider, capture.reference, refund]);
}

/** The state stays: looked at again after a while. */
export async function lookLater(
  pool: pg.Pool,
  capture: LateCapture,
  state: LateCaptureState,
  waitMs: number,
  detail: string,
): Promise<void> {
  await pool.query(LATER, [capture.provider, capture.reference, state, Math.round(waitMs), detail]);
}

/** Nothing more is done with it by itself. */
export async function endLateCapture(
  pool: pg.Pool,
  capture: LateCapture,
  from: LateCaptureState,
  to: 'unfounded' | 'confirmed',
  detail: string,
): Promise<void> {
  const attempt = to === 'confirmed' ? capture.attempt + 1 : capture.attempt;
  await pool.query(END, [capture.provider, capture.reference, from, to, attempt, detail]);
}
