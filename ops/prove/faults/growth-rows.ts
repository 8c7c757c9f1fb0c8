/** What a month of payments leaves in Postgres, as many rows of each table as the processor writes. */
import type pg from 'pg';

/** Bulk loading without triggers, which the tests of the tables cover. */
const MONTH = `
set session_replication_role = replica;
create temp table paid on commit drop as
select n, 'c-' || to_char(:from, 'YYYYMM') || '-' || n as id, :from + n * (:until - :from) / :count as at
from generate_series(0, :count::bigint - 1) n;
insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
  payment_method, provider, provider_reference, version, published_version, idempotency_key,
  first_sent_at, accepted_at, created_at, updated_at)
select 'shop-' || n % 5, id, 0, sha256(id::bytea), 'succeeded', 100 + n % 9000, 'USD', 'pm_card_visa',
  'simulator', 'ch_' || id, 2, 2, 'shop/' || id || '/charge/1', at, at, at, at from paid;
insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor, at)
select 'charge/shop-' || n % 5 || '/' || id, 'shop-' || n % 5, id, e.account, 'USD', e.amount, at
from paid cross join lateral (values ('provider:simulator', 100 + n % 9000),
  ('merchant:shop-' || n % 5, -100 - n % 9000)) e(account, amount);
insert into settled_movements (provider, movement, kind, merchant, checkout_id, currency, amount_minor,
  fee_minor, at, day)
select 'simulator', 'charge:ch_' || id, 'charge', 'shop-' || n % 5, id, 'USD', 100 + n % 9000, 1, at,
  at::date from paid;
insert into payment_events (merchant, checkout_id, version, status, reason, source, at)
select 'shop-' || n % 5, id, v, case v when 1 then 'processing' else 'succeeded' end, 'approved',
  'charge', at from paid, generate_series(1, 2) v;
insert into psp_calls (call_id, merchant, checkout_id, provider, operation, attempt, idempotency_key,
  request, response, http_status, outcome, at)
select ulid_floor(at) || lpad(n || '', 12, '0') || lpad(v || '', 4, '0'), 'shop-' || n % 5, id,
  'simulator', 'charge', 1, 'shop/' || id || '/charge/1', '{"amount": 100, "currency": "USD"}',
  '{"reference": "ch_1", "status": "captured", "amount": 100}', 200, 'approved', at
from paid, generate_series(1, case when n % 5 = 0 then 2 else 1 end) v;
insert into webhook_event_ids (provider, event_id, received_at)
select 'simulator', 'evt_' || id, at from paid;
insert into webhook_events (provider, event_id, merchant, checkout_id, type, state, received_at,
  judged_at)
select 'simulator', 'evt_' || id, 'shop-' || n % 5, id, 'charge.captured', 'dropped', at, at from paid;
with source as (
  insert into settlement_sources (provider, name, digest, bytes, state)
  select 'simulator', day || '.csv', day, 1, 'loaded'
  from (select distinct at::date::text as day from paid) d returning id, name)
insert into settlement_lines (source_id, line, provider, kind, movement, reference, merchant,
  checkout_id, amount_minor, currency, fee_minor, status, at)
select s.id, n, 'simulator', 'charge', 'charge:ch_' || p.id, 'ch_' || p.id, 'shop-' || n % 5, p.id,
  100 + n % 9000, 'USD', 1, 'captured', at
from paid p join source s on s.name = p.at::date || '.csv';
set session_replication_role = origin;
`;

/** @param month YYYY-MM */
export async function writeMonthOfPayments(
  client: pg.ClientBase,
  month: string,
  count: number,
): Promise<void> {
  const from = `timestamptz '${month}-01 00:00Z'`;
  const sql = MONTH.replaceAll(':from', from)
    .replaceAll(':until', `(${from} + interval '1 month')`)
    .replaceAll(':count', `${count}`);
  await client.query('begin');
  await client.query(sql);
  await client.query('commit');
  // As autovacuum does by itself within minutes.
  await client.query('vacuum webhook_event_ids');
}
