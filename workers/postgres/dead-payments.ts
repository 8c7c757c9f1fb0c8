/**
 * Payments in the dead-letter queue: nothing happens to them until they are redriven. The letter
 * is delivered first, then the row is marked; a crash in between causes one more try and a second
 * letter. The row is what is listed and redriven; the letter is its history.
 */
import type pg from 'pg';

export interface DeadRow {
  readonly merchant: string;
  readonly checkout_id: string;
  readonly version: number;
  readonly reason: string;
  /** The last error or answer. */
  readonly detail: string;
  readonly attempts: number;
  /** For its history. */
  readonly event: string;
}

const BURY = `
with dead as (
  update payments set dead_reason = $4, dead_detail = left($6, 1000), dead_attempts = $7,
    dead_at = now(), next_ask_at = null, version = version + 1, updated_at = now()
  where merchant = $1 and checkout_id = $2 and version = $3 and dead_reason is null
    and status in ('processing', 'requires_action')
  returning merchant, checkout_id, version, status)
insert into payment_events (merchant, checkout_id, version, status, reason, source)
select merchant, checkout_id, version, status, $5, 'processor' from dead`;

/** @returns false when somebody was faster */
export async function bury(pool: pg.Pool, row: DeadRow): Promise<boolean> {
  const { merchant, checkout_id, version, reason, event, detail, attempts } = row;
  const values = [merchant, checkout_id, version, reason, event, detail, attempts];
  const { rowCount } = await pool.query(BURY, values);
  return rowCount === 1;
}

export interface PaymentName {
  readonly merchant: string;
  readonly checkout_id: string;
}

export interface DeadPaymentRow extends PaymentName {
  readonly reason: string;
  readonly detail: string;
  readonly attempts: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly status: string;
  readonly provider: string;
  readonly asks: number;
  readonly never_sent: boolean;
  readonly accepted_at: number;
}

// Rows that 0.3 marked have no time and no detail of their own.
const LIST = `
select merchant, checkout_id, dead_reason as reason, coalesce(dead_detail, '') as detail,
  coalesce(dead_attempts, tries) as attempts, status, provider, asks,
  floor(extract(epoch from coalesce(dead_at, updated_at)) * 1000)::float8 as at,
  first_sent_at is null as never_sent,
  floor(extract(epoch from accepted_at) * 1000)::float8 as accepted_at
from payments where dead_reason is not null
order by coalesce(dead_at, updated_at), merchant, checkout_id limit $1`;

/** At most `rowsMax` of the payments that are dead now, those that have been so for longest first. */
export async function listDead(pool: pg.Pool, rowsMax: number): Promise<DeadPaymentRow[]> {
  return (await pool.query<DeadPaymentRow>(LIST, [rowsMax])).rows;
}

export interface DeadCount {
  readonly reason: string;
  readonly payments: number;
  /** Of the one that has been dead for longest. */
  readonly oldest_seconds: number;
}

/** How many payments are dead, by reason; by Postgres' clock. */
export async function countDead(pool: pg.Pool): Promise<DeadCount[]> {
  const { rows } = await pool.query<DeadCount>(
    `select dead_reason as reason, count(*)::int as payments,
       extract(epoch from now() - min(coalesce(dead_at, updated_at)))::float8 as oldest_seconds
     from payments where dead_reason is not null group by dead_reason order by dead_reason`,
  );
  return rows;
}

const REDRIVE = `
with input as (select * from json_to_recordset($1) as input(merchant text, checkout_id text)),
locked as (
  select p.merchant, p.checkout_id from payments p join input i using (merchant, checkout_id)
  where p.dead_reason is not null and p.status in ('processing', 'requires_action')
    and p.dead_reason <> 'captured_after_end'
  order by p.merchant, p.checkout_id for update of p),
freed as (
  update payments p set dead_reason = null, dead_at = null, tries = 0, waiting_since = null, next_ask_at = now(),
    asks = p.asks + 1, version = p.version + 1, updated_at = now()
  from locked l where p.merchant = l.merchant and p.checkout_id = l.checkout_id
  returning p.merchant, p.checkout_id, p.version, p.status),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select merchant, checkout_id, version, status, 'redriven', 'operator' from freed),
-- A capture after the end is reversed, with a new key if the last refund was refused.
late as (
  update late_captures l set next_try_at = now(), tries = 0 from input i
  where l.merchant = i.merchant and l.checkout_id = i.checkout_id
    and l.state in ('confirmed', 'reversing')
  returning l.merchant, l.checkout_id)
select merchant || '/' || checkout_id as key from freed
union select merchant || '/' || checkout_id from late`;

/** The sweeper takes them up at once. @returns the keys of those that were dead until now */
export async function redrivePayments(
  pool: pg.Pool,
  payments: readonly PaymentName[],
): Promise<Set<string>> {
  const { rows } = await pool.query<{ key: string }>(REDRIVE, [JSON.stringify(payments)]);
  return new Set(rows.map((row) => row.key));
}

/** @returns `merchant/checkoutId` of those that are dead now */
export async function deadAmong(
  pool: pg.Pool,
  payments: readonly PaymentName[],
): Promise<Set<string>> {
  const { rows } = await pool.query<{ key: string }>(
    `select p.merchant || '/' || p.checkout_id as key from payments p
     join json_to_recordset($1) as i(merchant text, checkout_id text) using (merchant, checkout_id)
     where p.dead_reason is not null`,
    [JSON.stringify(payments)],
  );
  return new Set(rows.map((row) => row.key));
}

/** Of letters that are no payment: which were sent to their topic again. */
export async function redrivenAmong(pool: pg.Pool, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ letter_id: string }>(
    'select letter_id from dead_letters_redriven where letter_id = any($1)',
    [ids],
  );
  return new Set(rows.map((row) => row.letter_id));
}

/** Inside a transaction that ends after the delivery. @returns false when it was done before */
export async function markRedriven(client: pg.PoolClient, id: string): Promise<boolean> {
  const sql = 'insert into dead_letters_redriven (letter_id) values ($1) on conflict do nothing';
  return (await client.query(sql, [id])).rowCount === 1;
}
