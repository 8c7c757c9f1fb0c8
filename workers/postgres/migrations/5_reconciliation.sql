-- Up Migration
create index payments_reference on payments (provider_reference)
  where provider_reference is not null;
-- Time goes up with the place in the table, roughly: a few pages of index serve every period.
create index payments_updated on payments using brin (updated_at);

-- One row a period: a second run of it goes on with the same row.
alter table reconciliation_runs
  add column step text not null default 'begun',
  add column from_at timestamptz,
  add column until_at timestamptz,
  add column figures jsonb not null default '{}',
  add constraint reconciliation_runs_once unique (kind, period);

alter table reconciliation_items
  add column provider text not null,
  -- What it is about: a movement at the provider, or one of our payments.
  add column subject text not null,
  add column at timestamptz not null,
  add column reason text not null,
  add column actor text not null,
  add column updated_at timestamptz not null default now(),
  add constraint reconciliation_items_once unique (provider, subject),
  add constraint reconciliation_items_state
    check (state in ('open', 'carried', 'healed', 'resolved'));
create index reconciliation_items_at on reconciliation_items (at);
create index reconciliation_items_open on reconciliation_items (id) where state = 'open';

create table reconciliation_changes (
  id bigint generated always as identity primary key,
  item_id bigint not null,
  kind text not null,
  from_state text,
  to_state text not null,
  reason text not null,
  actor text not null,
  at timestamptz not null default now()
);
create trigger changes_append_only before update or delete or truncate on reconciliation_changes
  for each statement execute function append_only();

-- Nobody can change an item without leaving a trace.
create function item_changed() returns trigger language plpgsql as $$
begin
  insert into reconciliation_changes (item_id, kind, from_state, to_state, reason, actor)
  values (new.id, new.kind, case when tg_op = 'UPDATE' then old.state end, new.state, new.reason,
    new.actor);
  return null;
end $$;
create trigger item_changed after insert or update on reconciliation_items
  for each row execute function item_changed();

-- What providers reported. A file that was seen before is known by its digest.
create table settlement_sources (
  id bigint generated always as identity primary key,
  provider text not null,
  name text not null,
  digest text not null,
  bytes bigint not null,
  state text not null check (state in ('loading', 'loaded', 'superseded')),
  first_seen_at timestamptz not null default now(),
  unique (provider, digest)
);
create table settlement_lines (
  source_id bigint not null references settlement_sources (id),
  line integer not null,
  provider text not null,
  kind text not null check (kind in ('charge', 'refund')),
  movement text not null,
  reference text not null,
  merchant text,
  checkout_id text,
  amount_minor bigint not null,
  currency text not null,
  fee_minor bigint,
  status text not null,
  at timestamptz not null,
  primary key (source_id, line)
);

-- What both sides agree on, and the accounting day with which it is settled.
create table settled_movements (
  provider text not null,
  movement text not null,
  kind text not null,
  merchant text not null,
  checkout_id text not null,
  currency text not null,
  amount_minor bigint not null,
  fee_minor bigint not null,
  at timestamptz not null,
  day date not null,
  primary key (provider, movement)
);
create index settled_movements_of on settled_movements (merchant, checkout_id);
create index settled_movements_day on settled_movements (day);

create table settlement_days (
  day date primary key,
  closed_at timestamptz not null default now()
);
create table settlement_batches (
  merchant text not null,
  currency text not null,
  day date not null,
  movements integer not null,
  gross_minor bigint not null,
  fees_minor bigint not null,
  refunds_minor bigint not null,
  net_minor bigint not null check (net_minor = gross_minor - fees_minor - refunds_minor),
  closed_at timestamptz not null default now(),
  primary key (merchant, currency, day)
);
create trigger days_append_only before update or delete or truncate on settlement_days
  for each statement execute function append_only();
create trigger batches_append_only before update or delete or truncate on settlement_batches
  for each statement execute function append_only();

-- The calendar: a day starts at its cut-off hour on the clock of a place.
create function accounting_day_start(day date, zone text, cutoff_hour integer)
  returns timestamptz language sql immutable as $$
  select (day + make_interval(hours => cutoff_hour)) at time zone zone $$;
-- An hour that a clock shows twice belongs to the day whose start decides.
create function accounting_day(at timestamptz, zone text, cutoff_hour integer)
  returns date language sql immutable as $$
  select it.day + case
      when $1 < accounting_day_start(it.day, zone, cutoff_hour) then -1
      when $1 >= accounting_day_start(it.day + 1, zone, cutoff_hour) then 1
      else 0 end
  from (select (($1 at time zone zone) - make_interval(hours => cutoff_hour))::date as day) it $$;

-- Down Migration
drop function accounting_day, accounting_day_start;
drop table settlement_batches, settlement_days, settled_movements, settlement_lines,
  settlement_sources, reconciliation_changes;
drop function item_changed cascade;
alter table reconciliation_items drop constraint reconciliation_items_once,
  drop constraint reconciliation_items_state,
  drop column provider, drop column subject, drop column at, drop column reason,
  drop column actor, drop column updated_at;
alter table reconciliation_runs drop constraint reconciliation_runs_once, drop column step,
  drop column from_at, drop column until_at, drop column figures;
drop index payments_updated, payments_reference;
