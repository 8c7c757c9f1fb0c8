-- Up Migration
-- Money that holders keep with us, by merchant, name and currency.
create table wallets (
  merchant text not null,
  name text not null,
  currency text not null,
  balance_minor bigint not null check (balance_minor between 0 and 9007199254740991),
  updated_at timestamptz not null default now(),
  primary key (merchant, name, currency)
);

-- What was done for a key, or refused for good: the same key is answered from here.
create table wallet_operations (
  idempotency_key text primary key,
  reference text not null unique,
  operation text not null check (operation in ('credit', 'charge', 'refund')),
  merchant text not null,
  checkout_id text,
  name text not null,
  currency text not null,
  amount_minor bigint not null check (amount_minor > 0),
  outcome text not null check (outcome in ('approved', 'declined')),
  failure_code text check ((failure_code is null) = (outcome = 'approved')),
  refunded_minor bigint not null default 0 check (refunded_minor between 0 and amount_minor),
  at timestamptz not null default now()
);
create index wallet_operations_of on wallet_operations (merchant, name, currency);

-- A credit belongs to no payment.
alter table ledger_entries alter column checkout_id drop not null;

-- Down Migration
drop table wallet_operations, wallets;
