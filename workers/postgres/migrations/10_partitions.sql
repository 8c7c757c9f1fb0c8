-- Up Migration
-- What grows with every payment and is no book: by month, so that a month is dropped as a whole.

-- The smallest ULID of a moment: psp_calls is partitioned by the time within its key, which
-- keeps the key unique over all partitions.
create function ulid_floor(at timestamptz) returns text language sql immutable as $$
  select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((ms >> (45 - 5 * i)) & 31)::int + 1, 1),
    '' order by i)
  from generate_series(0, 9) i,
    (select greatest(0, floor(extract(epoch from $1) * 1000))::bigint as ms) t $$;

-- Of a partition's month: where it begins and where the next one does, as literals of its key.
create function partition_bound(key_type text, month date) returns text language sql immutable as $$
  select case when key_type = 'text' then ulid_floor(month::timestamp at time zone 'UTC')
    else month || ' 00:00:00+00' end $$;

-- Column, its type, and whether rows may not be changed.
create function partition_key(parent text, out name text, out key_type text, out is_append_only boolean)
  language sql stable as $$
  select a.attname, format_type(a.atttypid, null),
    exists (select 1 from pg_trigger t where t.tgrelid = p.partrelid
      and t.tgfoid = 'append_only'::regproc)
  from pg_partitioned_table p join pg_attribute a
    on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
  where p.partrelid = parent::regclass $$;

-- Makes the partition of a month; what the default partition holds of it moves over.
create function add_partition(parent text, month date) returns void language plpgsql as $$
declare
  key record;
  name text := parent || '_' || to_char(month, 'YYYY_MM');
  rest text := parent || '_default';
  lower text;
  upper text;
  is_needed boolean;
begin
  if to_regclass(name) is not null then return; end if;
  key := partition_key(parent);
  lower := partition_bound(key.key_type, month);
  upper := partition_bound(key.key_type, (month + interval '1 month')::date);
  execute format('create table %I (like %I including all)', name, parent);
  if key.is_append_only then
    execute format('create trigger append_only before update or delete or truncate on %I
      for each statement execute function append_only()', name);
  end if;
  execute format('lock table %I in share row exclusive mode', rest);
  execute format('select exists (select 1 from %I where %I >= %L and %I < %L)',
    rest, key.name, lower, key.name, upper) into is_needed;
  if is_needed then
    execute format('alter table %I disable trigger user', rest);
    execute format('with moved as (delete from %I where %I >= %L and %I < %L returning *)
      insert into %I select * from moved', rest, key.name, lower, key.name, upper, name);
    execute format('alter table %I enable trigger user', rest);
  end if;
  execute format('alter table %I attach partition %I for values from (%L) to (%L)',
    parent, name, lower, upper);
end $$;

-- Partitions for this month and the two after it; those that ended `keep_months` months ago are
-- dropped, and what the default partition holds from before that. Null keeps everything.
-- Returns how many partitions were dropped.
create function maintain_partitions(parent text, keep_months integer, at timestamptz)
  returns integer language plpgsql as $$
declare
  key record := partition_key(parent);
  this_month date := date_trunc('month', at at time zone 'UTC');
  oldest date := this_month - keep_months * interval '1 month';
  rest text := parent || '_default';
  dropped integer := 0;
  old text;
  has_old boolean;
begin
  for i in 0..2 loop
    perform add_partition(parent, (this_month + i * interval '1 month')::date);
  end loop;
  if keep_months is null then return 0; end if;
  for old in
    select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid
    where h.inhparent = parent::regclass and c.relname ~ ('^' || parent || '_\d{4}_\d{2}$')
      and c.relname < parent || '_' || to_char(oldest, 'YYYY_MM') order by c.relname
  loop
    execute format('alter table %I detach partition %I', parent, old);
    execute format('drop table %I', old);
    dropped := dropped + 1;
  end loop;
  execute format('select exists (select 1 from %I where %I < %L)',
    rest, key.name, partition_bound(key.key_type, oldest)) into has_old;
  if has_old then
    execute format('alter table %I disable trigger user', rest);
    execute format('delete from %I where %I < %L', rest, key.name,
      partition_bound(key.key_type, oldest));
    execute format('alter table %I enable trigger user', rest);
  end if;
  return dropped;
end $$;

-- Partitions for every month of what is there already, from 10 years back.
create function add_past_partitions(parent text, source text) returns void language plpgsql as $$
declare
  key record := partition_key(parent);
  month date;
  is_needed boolean;
begin
  for month in select generate_series(date_trunc('month', now() - interval '10 years'),
      date_trunc('month', now() + interval '2 months'), interval '1 month')::date loop
    execute format('select exists (select 1 from %I where %I >= %L and %I < %L)', source, key.name,
      partition_bound(key.key_type, month), key.name,
      partition_bound(key.key_type, (month + interval '1 month')::date)) into is_needed;
    if is_needed or month >= date_trunc('month', now()) then
      perform add_partition(parent, month);
    end if;
  end loop;
end $$;

alter table psp_calls rename to old_calls;
-- ULIDs sort by their bytes.
alter table old_calls alter column call_id type text collate "C";
alter table old_calls drop constraint psp_calls_pkey;
drop index psp_calls_of;
create table psp_calls (like old_calls including defaults including constraints,
  primary key (call_id)) partition by range (call_id);
create index psp_calls_of on psp_calls (merchant, checkout_id);
create table psp_calls_default partition of psp_calls default;
create index on old_calls (call_id);
select add_past_partitions('psp_calls', 'old_calls');
insert into psp_calls select * from old_calls;
drop table old_calls;

alter table payment_events rename to old_events;
alter table old_events drop constraint payment_events_pkey;
-- That a version is there once is kept by payments.version, which every event raises.
create table payment_events (like old_events including defaults including constraints,
  primary key (merchant, checkout_id, version, at)) partition by range (at);
create table payment_events_default partition of payment_events default;
create trigger events_append_only before update or delete or truncate on payment_events
  for each statement execute function append_only();
create trigger append_only before update or delete or truncate on payment_events_default
  for each statement execute function append_only();
create index on old_events (at);
select add_past_partitions('payment_events', 'old_events');
insert into payment_events select * from old_events;
drop table old_events;

alter table webhook_events rename to old_webhooks;
alter table old_webhooks drop constraint webhook_events_pkey;
drop index webhook_events_waiting;
-- An event's id is there once, whatever its partition: it stands here with its partition's time.
create table webhook_event_ids (
  provider text not null,
  event_id text not null,
  received_at timestamptz not null,
  primary key (provider, event_id)
);
create index webhook_event_ids_received on webhook_event_ids using brin (received_at);
create table webhook_events (like old_webhooks including defaults including constraints,
  primary key (provider, event_id, received_at)) partition by range (received_at);
create index webhook_events_waiting on webhook_events (next_try_at) where next_try_at is not null;
create table webhook_events_default partition of webhook_events default;
create index on old_webhooks (received_at);
select add_past_partitions('webhook_events', 'old_webhooks');
insert into webhook_events select * from old_webhooks;
insert into webhook_event_ids select provider, event_id, received_at from old_webhooks
  order by received_at;
drop table old_webhooks;

-- Sources are never deleted. A foreign key would lock them whenever a partition is made.
alter table settlement_lines rename to old_lines;
alter table old_lines drop constraint settlement_lines_pkey;
create table settlement_lines (like old_lines including defaults including constraints,
  primary key (source_id, line, at)) partition by range (at);
create table settlement_lines_default partition of settlement_lines default;
create index on old_lines (at);
select add_past_partitions('settlement_lines', 'old_lines');
insert into settlement_lines select * from old_lines;
drop table old_lines;
drop function add_past_partitions;

-- Down Migration
create table plain_calls (like psp_calls including defaults including constraints);
insert into plain_calls select * from psp_calls;
drop table psp_calls;
alter table plain_calls rename to psp_calls;
alter table psp_calls add primary key (call_id);
create index psp_calls_of on psp_calls (merchant, checkout_id);

create table plain_events (like payment_events including defaults including constraints);
insert into plain_events select * from payment_events;
drop table payment_events;
alter table plain_events rename to payment_events;
alter table payment_events add primary key (merchant, checkout_id, version);
create trigger events_append_only before update or delete or truncate on payment_events
  for each statement execute function append_only();

create table plain_webhooks (like webhook_events including defaults including constraints);
insert into plain_webhooks select * from webhook_events;
drop table webhook_events, webhook_event_ids;
alter table plain_webhooks rename to webhook_events;
alter table webhook_events add primary key (provider, event_id);
create index webhook_events_waiting on webhook_events (next_try_at) where next_try_at is not null;

create table plain_lines (like settlement_lines including defaults including constraints);
insert into plain_lines select * from settlement_lines;
drop table settlement_lines;
alter table plain_lines rename to settlement_lines;
alter table settlement_lines add primary key (source_id, line),
  add foreign key (source_id) references settlement_sources (id);

drop function maintain_partitions, add_partition, partition_key, partition_bound, ulid_floor;
