/**
 * Claims payments that are due: by time, or named by a retry record. A retry record holds only a
 * due time and a claim token; the row decides the action. Claiming increments the token, so
 * duplicate or late records are ignored, and moves the due time, so that no two processes work on
 * one payment at once. A claim whose process died becomes due again.
 */
import type pg from 'pg';

export interface Ask {
  readonly merchant: string;
  readonly checkoutId: string;
  readonly version: number;
  readonly status: 'processing' | 'requires_action';
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethod: string;
  /** The provider asked for, or auto. */
  readonly asked: string;
  readonly provider: string;
  readonly providerReference: string | null;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** Unix milliseconds; null while surely no provider has this attempt. */
  readonly firstSentAt: number | null;
  readonly lastSentAt: number | null;
  readonly acceptedAt: number;
  readonly asks: number;
  /** Failed ones. */
  readonly tries: number;
  readonly findOnly: boolean;
  readonly actionExpiresAt: number | null;
  /** Since when its provider takes no calls. */
  readonly waitingSince: number | null;
}

const COLUMNS = `
  p.merchant, p.checkout_id as "checkoutId", p.version, p.status, p.amount, p.currency,
  p.payment_method as "paymentMethod", p.asked, p.provider,
  p.provider_reference as "providerReference", p.attempt, p.idempotency_key as "idempotencyKey",
  round(extract(epoch from p.first_sent_at) * 1000)::float8 as "firstSentAt",
  round(extract(epoch from p.last_sent_at) * 1000)::float8 as "lastSentAt",
  round(extract(epoch from p.accepted_at) * 1000)::float8 as "acceptedAt", p.asks, p.tries,
  p.find_only as "findOnly",
  round(extract(epoch from p.action_expires_at) * 1000)::float8 as "actionExpiresAt",
  round(extract(epoch from p.waiting_since) * 1000)::float8 as "waitingSince"`;

const CLAIM_DUE = {
  name: 'claim-due',
  text: `
with due as (
  select merchant, checkout_id from payments
  where next_ask_at <= now() order by next_ask_at limit $1 for update skip locked)
update payments p set next_ask_at = now() + $2 * interval '1 ms', asks = p.asks + 1
from due where p.merchant = due.merchant and p.checkout_id = due.checkout_id
returning ${COLUMNS}`,
};

/** At most `rowsMax` of those that are due. */
export async function claimDue(pool: pg.Pool, rowsMax: number, leaseMs: number): Promise<Ask[]> {
  return (await pool.query<Ask>({ ...CLAIM_DUE, values: [rowsMax, leaseMs] })).rows;
}

export interface TicketRow {
  /** merchant/checkoutId */
  readonly key: string;
  readonly merchant: string;
  readonly checkout_id: string;
  readonly asks: number;
  readonly lease_ms: number;
}

const CLAIM_TICKETS = {
  name: 'claim-tickets',
  text: `
with input as (select * from json_to_recordset($1) as
  input(merchant text, checkout_id text, asks int, lease_ms int)),
locked as (
  select p.merchant, p.checkout_id, i.lease_ms from payments p
  join input i using (merchant, checkout_id)
  where p.asks = i.asks and p.next_ask_at is not null
  order by p.merchant, p.checkout_id for update of p)
update payments p set next_ask_at = now() + l.lease_ms * interval '1 ms', asks = p.asks + 1
from locked l where p.merchant = l.merchant and p.checkout_id = l.checkout_id
returning ${COLUMNS}`,
};

/** One statement. @returns for each row the claim; undefined when the ticket is void */
export async function claimTickets(
  pool: pg.Pool,
  rows: readonly TicketRow[],
): Promise<(Ask | undefined)[]> {
  const found = await pool.query<Ask>({ ...CLAIM_TICKETS, values: [JSON.stringify(rows)] });
  const claims = new Map(found.rows.map((row) => [`${row.merchant}/${row.checkoutId}`, row]));
  return rows.map((row) => claims.get(row.key));
}
