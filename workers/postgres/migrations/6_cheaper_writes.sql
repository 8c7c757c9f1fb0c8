-- Up Migration
-- The books balance after every statement: each writes all entries of a transaction, and is
-- looked at once, not once a row.
drop trigger ledger_balances on ledger_entries;
create or replace function ledger_balances() returns trigger language plpgsql
set enable_seqscan = off as $$
declare
  off record;
begin
  select a.transaction_id, e.currency into off
  from (select distinct transaction_id from added) a
  cross join lateral (
    select currency from ledger_entries
    where transaction_id = a.transaction_id
    group by currency having sum(amount_minor) <> 0) e
  limit 1;
  if found then
    raise exception 'ledger transaction % does not sum to zero in %',
      off.transaction_id, off.currency using errcode = 'check_violation';
  end if;
  return null;
end $$;
create trigger ledger_balances after insert on ledger_entries
  referencing new table as added for each statement execute function ledger_balances();

-- Whoever looks for a reference knows the provider too: payments_by_reference serves all.
drop index payments_reference;

-- Down Migration
create index payments_reference on payments (provider_reference)
  where provider_reference is not null;
drop trigger ledger_balances on ledger_entries;
create or replace function ledger_balances() returns trigger language plpgsql as $$
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
