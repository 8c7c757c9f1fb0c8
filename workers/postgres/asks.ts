/**
 * Payments whose provider must be asked: the answer was unknown, or whoever made the intent
 * never wrote one. A claim moves the time on, so that no two processes ask at once, and a
 * claim that dies with its process comes up again.
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
  readonly provider: string;
  readonly providerReference: string | null;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** Unix milliseconds. */
  readonly firstSentAt: number;
  /** No byte has left before this ask. */
  readonly wasNeverSent: boolean;
  readonly acceptedAt: number;
  readonly asks: number;
}

/** One statement: `first_sent_at` is committed before anything is sent. */
export async function claimAsks(pool: pg.Pool, rowsMax: number, leaseMs: number): Promise<Ask[]> {
  const { rows } = await pool.query<Ask>(CLAIM, [rowsMax, leaseMs]);
  return rows;
}

const CLAIM = `
with due as (
  select merchant, checkout_id, first_sent_at is null as was_never_sent from payments
  where next_ask_at <= now() order by next_ask_at limit $1 for update skip locked)
update payments p set
  next_ask_at = now() + $2 * interval '1 ms',
  first_sent_at = coalesce(p.first_sent_at, now())
from due where p.merchant = due.merchant and p.checkout_id = due.checkout_id
returning p.merchant, p.checkout_id as "checkoutId", p.version, p.status, p.amount, p.currency,
  p.payment_method as "paymentMethod", p.provider, p.provider_reference as "providerReference",
  p.attempt, p.idempotency_key as "idempotencyKey",
  (extract(epoch from p.first_sent_at) * 1000)::float8 as "firstSentAt",
  due.was_never_sent as "wasNeverSent",
  (extract(epoch from p.accepted_at) * 1000)::float8 as "acceptedAt", p.asks`;
