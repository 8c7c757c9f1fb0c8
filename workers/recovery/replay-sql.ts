/**
 * The statements of `tollgate recover postgres`, in the order in which one transaction runs them.
 * All are about what Kafka proves and the tables do not hold; each may be run again. Sums of refunds
 * and disputes are left as they are: each stands with its parts, and all are judged again from
 * payments.webhooks.
 */

/** The newest version of each checkout that payments.status holds. `fingerprint` '' means: by id. */
export const CREATE_STATUSES = `
create temp table kafka_statuses (
  merchant text, checkout_id text, fingerprint bytea, version int, shard int, status text,
  provider text, provider_reference text, failure_code text, next_action jsonb, history jsonb,
  primary key (merchant, checkout_id, fingerprint)) on commit drop`;

export const ADD_STATUSES = `
insert into kafka_statuses as k
select merchant, checkout_id, decode(fingerprint, 'hex'), version, shard, status, provider,
  provider_reference, failure_code, next_action, history
from json_to_recordset($1) as i(merchant text, checkout_id text, fingerprint text, version int,
  shard int, status text, provider text, provider_reference text, failure_code text,
  next_action jsonb, history jsonb)
on conflict (merchant, checkout_id, fingerprint) do update set
  version = excluded.version, shard = excluded.shard, status = excluded.status,
  provider = excluded.provider, provider_reference = excluded.provider_reference,
  failure_code = excluded.failure_code, next_action = excluded.next_action,
  history = excluded.history
where excluded.version > k.version`;

const CHECKOUTS = `json_to_recordset($1) as i(merchant text, checkout_id text, shard int,
  fingerprint text, amount bigint, currency text, payment_method text, asked text, provider text,
  is_certain boolean, idempotency_key text, accepted_ms bigint)`;

/**
 * Payments that are missing, from payments.accepted. One without a status may have been sent to any
 * of its providers: where there are several, a person decides.
 */
export const ADD_PAYMENTS = `
with input as (select * from ${CHECKOUTS}),
added as (
  insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
    payment_method, asked, provider, provider_reference, failure_code, next_action, version, published_version, idempotency_key, accepted_at,
    dead_reason, dead_at, dead_detail, dead_attempts)
  select i.merchant, i.checkout_id, greatest(i.shard, k.shard), decode(i.fingerprint, 'hex'),
    coalesce(k.status, 'processing'), i.amount, i.currency, i.payment_method, i.asked,
    coalesce(k.provider, i.provider), k.provider_reference, k.failure_code,
    k.next_action,
    coalesce(k.version, 1), coalesce(k.version, 0), i.idempotency_key,
    to_timestamp(i.accepted_ms / 1000.0), u.reason, case when u.reason is not null then now() end,
    u.detail, case when u.reason is not null then 0 end
  from input i
  left join lateral (
    select * from kafka_statuses k where k.merchant = i.merchant and k.checkout_id = i.checkout_id
      and k.fingerprint in ('', decode(i.fingerprint, 'hex')) order by k.version desc limit 1) k on true
  cross join lateral (select
    case when k.merchant is null and not i.is_certain then 'provider_unknown' end as reason,
    case when k.merchant is null and not i.is_certain
      then 'restored: ask each of its providers before it is redriven' end as detail) u
  on conflict do nothing returning merchant, checkout_id, version),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select a.merchant, a.checkout_id, 1, 'processing', 'restored', 'recovery' from added a
  where not exists (select from kafka_statuses k
    where k.merchant = a.merchant and k.checkout_id = a.checkout_id))
select count(*)::int as count from added`;

export const ADD_CONFLICTS = `
insert into checkout_conflicts (merchant, checkout_id, fingerprint, shard, amount, currency,
  payment_method, asked, accepted_at)
select distinct on (i.merchant, i.checkout_id, i.fingerprint) i.merchant, i.checkout_id,
  decode(i.fingerprint, 'hex'), i.shard, i.amount, i.currency, i.payment_method, i.asked,
  to_timestamp(i.accepted_ms / 1000.0)
from ${CHECKOUTS} join payments p on p.merchant = i.merchant and p.checkout_id = i.checkout_id
where length(p.fingerprint) = 32 and p.fingerprint <> decode(i.fingerprint, 'hex')
on conflict do nothing`;

/** Of each payment the newest status that is its own. */
export const CREATE_OWN = `
create temp table own_statuses on commit drop as
select distinct on (k.merchant, k.checkout_id) k.*
from kafka_statuses k join payments p on p.merchant = k.merchant and p.checkout_id = k.checkout_id
where k.fingerprint in ('', p.fingerprint) or length(p.fingerprint) <> 32
order by k.merchant, k.checkout_id, k.version desc`;

export const MOVE_FORWARD = `
update payments p set status = k.status, version = k.version, published_version = k.version,
  provider = k.provider, provider_reference = coalesce(k.provider_reference, p.provider_reference),
  failure_code = k.failure_code, next_action = k.next_action, next_ask_at = null,
  dead_reason = null, shard = greatest(p.shard, k.shard), updated_at = now()
from own_statuses k
where p.merchant = k.merchant and p.checkout_id = k.checkout_id and p.version < k.version`;

export const ADD_EVENTS = `
insert into payment_events (merchant, checkout_id, version, status, reason, source, at)
select e.merchant, e.checkout_id, e.version, e.status, e.reason, 'recovery', e.at
from (
  select k.merchant, k.checkout_id, (k.version - jsonb_array_length(k.history) + h.n)::int as version,
    h.entry->>'status' as status, h.entry->>'reason' as reason,
    to_timestamp((h.entry->>'at')::float8 / 1000) as at
  from own_statuses k cross join lateral jsonb_array_elements(k.history) with ordinality h(entry, n)) e
where e.version > 0 and not exists (select from payment_events o
  where o.merchant = e.merchant and o.checkout_id = e.checkout_id and o.version = e.version)`;

/** Charges that the statuses prove and that are not booked. Refunds come with their webhooks. */
export const ADD_ENTRIES = `
insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
select 'charge/' || p.merchant || '/' || p.checkout_id, p.merchant, p.checkout_id, e.account,
  p.currency, e.amount
from payments p join own_statuses k on k.merchant = p.merchant and k.checkout_id = p.checkout_id
cross join lateral (values
  ('provider:' || p.provider, p.amount), ('merchant:' || p.merchant, -p.amount)) e(account, amount)
where p.status = 'succeeded' and not exists (select from ledger_entries l
  where l.transaction_id = 'charge/' || p.merchant || '/' || p.checkout_id)`;

/** Paid by a wallet, whose movement was lost with the database. */
export const LOST_WALLET_CHARGES = `
select p.merchant, p.checkout_id, p.amount, p.currency, p.payment_method, p.idempotency_key
from payments p join own_statuses k on k.merchant = p.merchant and k.checkout_id = p.checkout_id
where p.provider = 'wallet' and p.status = 'succeeded' and not exists (
  select from wallet_operations w where w.merchant = p.merchant and w.checkout_id = p.checkout_id
    and w.operation = 'charge' and w.outcome = 'approved')`;

/** Statuses whose checkout is neither here nor in payments.accepted any more. */
export const UNRESOLVED = `
select k.merchant || '/' || k.checkout_id as key, k.status from kafka_statuses k
where not exists (select from payments p
    where p.merchant = k.merchant and p.checkout_id = k.checkout_id)
order by 1 limit 1000`;

/** The provider is asked before anything is sent: also for what the old rows call never sent. */
export const MARK_UNKNOWN = `
update payments set find_only = true, first_sent_at = coalesce(first_sent_at, now()),
  last_sent_at = now(), waiting_since = null, asks = asks + 1,
  next_ask_at = case when dead_reason is null then now() end
where status in ('processing', 'requires_action')`;

export const NOTE_REPLAYED = `
insert into status_replays (topic_id, partition, next_offset)
select $1, partition, next_offset from json_to_recordset($2) as i(partition int, next_offset bigint)
on conflict (topic_id, partition) do update set next_offset = excluded.next_offset, at = now()`;
