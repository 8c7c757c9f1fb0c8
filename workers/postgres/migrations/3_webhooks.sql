-- Up Migration
create table webhook_events (
  provider text not null,
  event_id text not null,
  -- The payment that the event was judged against.
  merchant text,
  checkout_id text,
  type text not null,
  -- waiting: for a payment that is not known yet, or for what must come first.
  state text not null check (state in ('applied', 'dropped', 'other', 'waiting', 'dead')),
  reason text,
  received_at timestamptz not null,
  judged_at timestamptz not null default now(),
  -- Of those that wait: the record as it came, where it came from, when it is judged again.
  record bytea,
  source_partition integer,
  source_offset bigint,
  tries integer not null default 0,
  next_try_at timestamptz,
  primary key (provider, event_id)
);
create index webhook_events_waiting on webhook_events (next_try_at) where next_try_at is not null;
-- Events that carry the provider's reference and no name of ours, e.g. disputes.
create index payments_by_reference on payments (provider, provider_reference)
  where provider_reference is not null;

-- Down Migration
drop index payments_by_reference;
drop table webhook_events;
