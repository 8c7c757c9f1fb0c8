-- Up Migration
create table payments (
  merchant text not null,
  checkout_id text not null,
  shard integer not null,
  fingerprint bytea not null,
  status text not null
    check (status in ('processing', 'requires_action', 'succeeded', 'failed', 'canceled')),
  amount bigint not null check (amount > 0),
  currency text not null,
  payment_method text not null,
  provider text not null,
  provider_reference text,
  failure_code text,
  refunded_amount bigint not null default 0 check (refunded_amount between 0 and amount),
  disputed_amount bigint not null default 0,
  next_action jsonb,
  version integer not null check (version > 0),
  published_version integer not null default 0,
  attempt integer not null default 1,
  idempotency_key text not null,
  first_sent_at timestamptz,
  next_ask_at timestamptz,
  asks integer not null default 0,
  accepted_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (merchant, checkout_id)
);
create index payments_unpublished on payments (updated_at) where version > published_version;
create index payments_to_ask on payments (next_ask_at) where next_ask_at is not null;

create table payment_events (
  merchant text not null,
  checkout_id text not null,
  version integer not null,
  status text not null,
  reason text not null,
  source text not null,
  at timestamptz not null default now(),
  primary key (merchant, checkout_id, version)
);

create table psp_calls (
  call_id text primary key,
  merchant text not null,
  checkout_id text not null,
  provider text not null,
  operation text not null,
  attempt integer not null,
  idempotency_key text not null,
  request jsonb not null,
  response jsonb,
  http_status integer,
  outcome text not null check (outcome in ('approved', 'declined', 'unknown', 'not_sent')),
  at timestamptz not null default now()
);
create index psp_calls_of on psp_calls (merchant, checkout_id);

create table ledger_entries (
  id bigint generated always as identity primary key,
  transaction_id text not null,
  merchant text not null,
  checkout_id text not null,
  account text not null,
  currency text not null,
  amount_minor bigint not null check (amount_minor <> 0),
  at timestamptz not null default now(),
  unique (transaction_id, account)
);
create index ledger_entries_of on ledger_entries (merchant, checkout_id);

create table reconciliation_runs (
  id bigint generated always as identity primary key,
  kind text not null,
  period text not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  state text not null
);

create table reconciliation_items (
  id bigint generated always as identity primary key,
  run_id bigint not null references reconciliation_runs (id),
  kind text not null,
  merchant text,
  checkout_id text,
  reference text,
  ours jsonb,
  theirs jsonb,
  state text not null
);

-- The books balance at every commit: looked at once a row, when the transaction ends.
create function ledger_balances() returns trigger language plpgsql as $$
begin
  if (select sum(amount_minor) from ledger_entries
      where transaction_id = new.transaction_id and currency = new.currency) <> 0 then
    raise exception 'ledger transaction % does not sum to zero in %',
      new.transaction_id, new.currency using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger ledger_balances after insert on ledger_entries
  deferrable initially deferred for each row execute function ledger_balances();

create function append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger ledger_append_only before update or delete or truncate on ledger_entries
  for each statement execute function append_only();
create trigger events_append_only before update or delete or truncate on payment_events
  for each statement execute function append_only();

-- Down Migration
drop table reconciliation_items, reconciliation_runs, ledger_entries, psp_calls, payment_events, payments;
drop function ledger_balances, append_only;
