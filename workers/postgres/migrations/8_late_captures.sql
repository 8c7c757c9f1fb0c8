-- Up Migration
-- Captures of a charge whose payment reads failed or canceled, or was paid by another charge.
create table late_captures (
  provider text not null,
  -- The provider's name of the charge.
  reference text not null,
  merchant text not null,
  checkout_id text not null,
  -- suspected: not confirmed by the provider yet. confirmed: booked, not reversed yet.
  -- reversing: a refund may have been sent. unfounded: the provider has captured nothing late.
  state text not null default 'suspected'
    check (state in ('suspected', 'confirmed', 'reversing', 'reversed', 'unfounded')),
  -- What was captured, once it is confirmed.
  amount bigint check (amount > 0),
  currency text,
  -- Of the refund: part of its key. A new one begins when the last was surely not taken.
  attempt integer not null default 1,
  sent_at timestamptz,
  tries integer not null default 0,
  next_try_at timestamptz default now(),
  detail text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (provider, reference)
);
create index late_captures_due on late_captures (next_try_at) where next_try_at is not null;
create index late_captures_of on late_captures (merchant, checkout_id);
create index late_captures_open on late_captures (state)
  where state in ('suspected', 'confirmed', 'reversing');

-- Down Migration
drop table late_captures;
