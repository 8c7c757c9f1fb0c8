-- Up Migration
-- Refunds and disputes that a provider names one by one, over their life.
create table payment_parts (
  provider text not null,
  kind text not null check (kind in ('refunded', 'disputed')),
  -- The provider's name of the refund or the dispute.
  part_id text not null,
  merchant text not null,
  checkout_id text not null,
  amount bigint not null check (amount >= 0),
  -- noted: no money moved. taken: the payer has it back. void: a refund that failed, a dispute won.
  state text not null check (state in ('noted', 'taken', 'void')),
  updated_at timestamptz not null default now(),
  primary key (provider, kind, part_id)
);
create index payment_parts_of on payment_parts (merchant, checkout_id, kind);

-- Down Migration
drop table payment_parts;
