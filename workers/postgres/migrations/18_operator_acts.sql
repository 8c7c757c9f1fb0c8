-- Up Migration
-- What operators asked for: who, what and why. Written before the act itself.
create table operator_acts (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  target jsonb not null,
  note text
);
create trigger append_only before update or delete or truncate on operator_acts
  for each statement execute function append_only();

-- Down Migration
drop table operator_acts;
