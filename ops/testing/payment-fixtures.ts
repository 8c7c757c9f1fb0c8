/** Payments that succeeded at given times, written into Postgres as the processor leaves them. */
import type pg from 'pg';

export interface Booked {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  /** Our time of the capture. */
  readonly at: Date;
  readonly provider: string;
  /** Default succeeded; an open one has no reference and no ledger entries. */
  readonly status?: 'succeeded' | 'processing';
}

export async function bookPayments(
  client: pg.ClientBase,
  payments: readonly Booked[],
): Promise<void> {
  const values = [JSON.stringify(payments)];
  await client.query(
    `insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
       payment_method, provider, provider_reference, version, idempotency_key, first_sent_at,
       accepted_at, created_at, updated_at)
     select 'default', id, 0, '', coalesce(status, 'succeeded'), amount, currency, 'pm_card_visa',
       provider, case when status is null then 'ref-' || id end, 2, id, at, at, at, at
     from json_to_recordset($1)
       as b(id text, amount bigint, currency text, at timestamptz, provider text, status text)`,
    values,
  );
  await client.query(
    `insert into ledger_entries
       (transaction_id, merchant, checkout_id, account, currency, amount_minor, at)
     select 'charge/default/' || id, 'default', id, e.account, currency, e.amount, at
     from json_to_recordset($1)
       as b(id text, amount bigint, currency text, at timestamptz, provider text, status text)
     cross join lateral (values ('provider:' || provider, amount), ('merchant:default', -amount))
       e(account, amount)
     where status is null`,
    values,
  );
}
