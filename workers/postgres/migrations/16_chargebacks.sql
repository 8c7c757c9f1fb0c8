-- Up Migration
-- A dispute's line: negative what the payer's bank took, positive what came back.
alter table settlement_lines
  add column dispute text,
  drop constraint settlement_lines_kind_check,
  add constraint settlement_lines_kind_check check (kind in ('charge', 'refund', 'dispute')),
  add constraint settlement_lines_dispute_check check ((kind = 'dispute') = (dispute is not null));

alter table settlement_batches
  -- What disputes took less what came back.
  add column if not exists disputes_minor bigint not null default 0,
  drop constraint settlement_batches_check,
  add constraint settlement_batches_check
    check (net_minor = gross_minor - fees_minor - refunds_minor - disputes_minor);

-- Down Migration
-- `disputes_minor` stays: batches are append-only, and its sums stand nowhere else.
alter table settlement_batches
  drop constraint settlement_batches_check,
  add constraint settlement_batches_check
    check (net_minor = gross_minor - fees_minor - refunds_minor) not valid;
delete from settlement_lines where kind = 'dispute';
alter table settlement_lines
  drop constraint settlement_lines_dispute_check,
  drop constraint settlement_lines_kind_check,
  add constraint settlement_lines_kind_check check (kind in ('charge', 'refund')),
  drop column dispute;
