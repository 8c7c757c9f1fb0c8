-- Up Migration
-- Reports of these books are kept apart from those of others in the same home folder.
create table books (
  id uuid primary key default gen_random_uuid(),
  is_only boolean not null default true unique check (is_only)
);
insert into books default values;

-- A period that failed or is incomplete is run again, each time after a longer wait.
alter table reconciliation_runs
  add column tries integer not null default 0,
  add column next_try_at timestamptz;

-- The currency in which the provider pays a movement out, where it is another one.
alter table settlement_lines add column settled_currency text;

-- The wallet's own report is read by time.
create index wallet_operations_at on wallet_operations using brin (at);

-- Down Migration
drop index wallet_operations_at;
alter table settlement_lines drop column settled_currency;
alter table reconciliation_runs drop column tries, drop column next_try_at;
drop table books;
