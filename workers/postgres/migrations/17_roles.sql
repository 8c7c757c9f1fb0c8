-- Up Migration
-- For a runtime role that owns nothing: what it may not do itself, functions do for it with their
-- owner's rights, within limits.

-- A call that was made is never changed: as with the books, partitions have the trigger too.
create trigger append_only before update or delete or truncate on psp_calls
  for each statement execute function append_only();
do $$ declare name text; begin
  for name in select inhrelid::regclass from pg_inherits where inhparent = 'psp_calls'::regclass loop
    execute format('create trigger append_only before update or delete or truncate on %s
      for each statement execute function append_only()', name);
  end loop;
end $$;

-- A webhook that was applied stays as it is; what still waits or was dropped may be judged again.
create function webhook_kept() returns trigger language plpgsql as $$
begin
  if tg_op <> 'UPDATE' or old.state = 'applied'
    or (old.provider, old.event_id, old.received_at, old.type)
      is distinct from (new.provider, new.event_id, new.received_at, new.type) then
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
-- Every partition has a row's trigger by itself.
create trigger kept before update or delete on webhook_events
  for each row execute function webhook_kept();
create trigger not_emptied before truncate on webhook_events
  for each statement execute function webhook_kept();

-- A change of an item is noted by the trigger alone.
alter function item_changed() security definer;
alter function item_changed() set search_path = public, pg_temp;

-- Whoever is not the owner drops nothing that is younger than the settings may say, and makes no
-- partitions for another time than this one.
create function check_retention(parent text, keep_months integer, at timestamptz)
  returns void language plpgsql as $$
begin
  if pg_has_role(session_user, current_user, 'member') then return; end if;
  if parent not in ('psp_calls', 'payment_events', 'webhook_events', 'settlement_lines')
    or keep_months < 2 or at > clock_timestamp() + interval '1 hour'
    or at < clock_timestamp() - interval '1 day' then
    raise exception 'refused: only the owner may keep % for % months as of %', parent, keep_months, at
      using errcode = 'insufficient_privilege';
  end if;
end $$;

-- What it did it does still, under another name and for the owner alone.
alter function maintain_partitions(text, integer, timestamptz) rename to keep_partitions;
create function maintain_partitions(parent text, keep_months integer, at timestamptz)
  returns integer language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform check_retention(parent, keep_months, at);
  return keep_partitions(parent, keep_months, at);
end $$;

-- Forgets ids of webhooks whose partition is dropped, at most so many. Returns how many.
create function forget_webhook_ids(keep_months integer, at timestamptz, ids_max integer)
  returns integer language plpgsql security definer set search_path = public, pg_temp as $$
declare
  forgotten integer;
begin
  perform check_retention('webhook_events', keep_months, at);
  delete from webhook_event_ids where ctid = any(array(
    select ctid from webhook_event_ids
    where received_at < (date_trunc('month', at at time zone 'UTC')
      - keep_months * interval '1 month') at time zone 'UTC' limit ids_max));
  get diagnostics forgotten = row_count;
  return forgotten;
end $$;

-- Nobody but the owner runs a function unless it is granted.
do $$ declare it regprocedure; begin
  for it in select p.oid from pg_proc p where p.pronamespace = current_schema()::regnamespace
    and pg_has_role(p.proowner, 'usage') loop
    execute format('revoke execute on function %s from public', it);
  end loop;
end $$;

-- Down Migration
do $$ declare it regprocedure; begin
  for it in select p.oid from pg_proc p where p.pronamespace = current_schema()::regnamespace
    and pg_has_role(p.proowner, 'usage') loop
    execute format('grant execute on function %s to public', it);
  end loop;
end $$;
drop function forget_webhook_ids;
drop function maintain_partitions;
alter function keep_partitions(text, integer, timestamptz) rename to maintain_partitions;
drop function check_retention;
alter function item_changed() security invoker;
alter function item_changed() reset search_path;
drop trigger not_emptied on webhook_events;
drop trigger kept on webhook_events;
drop function webhook_kept;
do $$ declare name text; begin
  for name in select inhrelid::regclass from pg_inherits where inhparent = 'psp_calls'::regclass loop
    execute format('drop trigger append_only on %s', name);
  end loop;
end $$;
drop trigger append_only on psp_calls;
