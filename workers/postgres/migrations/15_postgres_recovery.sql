-- Up Migration
-- Up to where `tollgate recover postgres` has replayed payments.status into these tables: what stands
-- before does not prove them older. A topic made anew has another id.
create table status_replays (
  topic_id text not null,
  partition integer not null,
  next_offset bigint not null,
  at timestamptz not null default now(),
  primary key (topic_id, partition)
);

-- Down Migration
drop table status_replays;
