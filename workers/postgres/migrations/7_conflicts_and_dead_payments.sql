-- Up Migration
-- Checkouts that an engine accepted although their id stands in payments with another meaning: the
-- engine had lost or deleted the first one. None of them is ever sent to a provider.
create table checkout_conflicts (
  merchant text not null,
  checkout_id text not null,
  -- SHA-256 of the late checkout's meaning.
  fingerprint bytea not null,
  shard integer not null,
  amount bigint not null,
  currency text not null,
  payment_method text not null,
  -- The provider that the late checkout asked for, or auto.
  asked text not null,
  accepted_at timestamptz not null,
  found_at timestamptz not null default now(),
  -- When its status was last delivered to payments.status; null: it is still to be sent.
  published_at timestamptz,
  primary key (merchant, checkout_id, fingerprint)
);
create index checkout_conflicts_unpublished on checkout_conflicts (found_at) where published_at is null;
create index checkout_conflicts_found on checkout_conflicts (found_at);

-- A dead payment is listed and redriven from its row; its letter in Kafka is kept for some weeks only.
alter table payments
  add column dead_at timestamptz,
  -- The last error or answer.
  add column dead_detail text,
  add column dead_attempts integer;

-- Partition and offset name a letter only together with the topic's id, which a topic made anew
-- changes. What was noted without it is dropped: such a letter can be redriven once more, which
-- changes nothing, since records are processed idempotently.
truncate dead_letters_redriven;

-- Down Migration
alter table payments drop column dead_at, drop column dead_detail, drop column dead_attempts;
drop table checkout_conflicts;
