-- Up Migration
alter table payments
  -- The provider that the checkout asked for, or auto.
  add column asked text not null default 'auto',
  -- Of this attempt, the last time at which bytes may have left.
  add column last_sent_at timestamptz,
  -- Failed tries since it was accepted or redriven.
  add column tries integer not null default 0,
  -- The provider replays this attempt's error: its key says nothing any more, only find does.
  add column find_only boolean not null default false,
  add column action_expires_at timestamptz,
  -- Since when its provider takes no calls.
  add column waiting_since timestamptz,
  -- Why it waits in the dead-letter queue.
  add column dead_reason text;
create index payments_dead on payments (dead_reason) where dead_reason is not null;

-- Dead letters that are no payment of ours and were sent to their topic again.
create table dead_letters_redriven (
  letter_id text primary key,
  at timestamptz not null default now()
);

-- Down Migration
drop table dead_letters_redriven;
alter table payments drop column asked, drop column last_sent_at, drop column tries, drop column find_only,
  drop column action_expires_at, drop column waiting_since,
  drop column dead_reason;
