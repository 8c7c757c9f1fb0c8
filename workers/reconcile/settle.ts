/**
 * Settlement: a batch for each merchant, currency and accounting day, posted to the ledger,
 * then the day is closed; what comes later for it goes to the next open day. One
 * transaction: a day is closed with its batches or not at all.
 */
import type pg from 'pg';
import { ACCOUNTS } from '../ledger/accounts.js';
import { daysOf } from './calendar.js';
import { inTransaction } from './connection.js';
import type { Scope } from './scope.js';

export interface Batch {
  readonly merchant: string;
  readonly currency: string;
  readonly day: string;
  readonly movements: number;
  readonly gross_minor: bigint;
  readonly fees_minor: bigint;
  readonly refunds_minor: bigint;
  /** What disputes took less what came back. */
  readonly disputes_minor: bigint;
  readonly net_minor: bigint;
}

/** @param now a day that has not ended by then stays open */
export async function settle(client: pg.Client, scope: Scope, now: Date): Promise<void> {
  const { timeZone, cutoffHour } = scope.clock;
  const values = [...daysOf(scope.period), timeZone, cutoffHour, now];
  await inTransaction(client, async () => {
    const { rows } = await client.query<{ day: string }>(CLOSABLE, values);
    const days = rows.map((row) => row.day);
    if (days.length === 0) return;
    await client.query(BATCHES, [days]);
    await client.query(POSTINGS, [days]);
    await client.query('insert into settlement_days (day) select unnest($1::date[])', [days]);
  });
}

const CLOSABLE = `
select d::date::text as day
from generate_series($1::timestamp, $2::timestamp - interval '1 day', interval '1 day') d
where accounting_day_start(d::date + 1, $3, $4) <= $5
  and not exists (select 1 from settlement_days c where c.day = d::date)`;

const SUMS = `count(*) as movements,
  coalesce(sum(amount_minor) filter (where kind = 'charge'), 0) as gross,
  sum(fee_minor) as fees,
  coalesce(-sum(amount_minor) filter (where kind = 'refund'), 0) as refunds,
  coalesce(-sum(amount_minor) filter (where kind = 'dispute'), 0) as disputes,
  sum(amount_minor) - sum(fee_minor) as net`;

const BATCHES = `
insert into settlement_batches
  (merchant, currency, day, movements, gross_minor, fees_minor, refunds_minor, disputes_minor,
   net_minor)
select merchant, currency, day, ${SUMS}
from settled_movements where day = any($1::date[]) group by merchant, currency, day`;

/** A wallet's money is with us already: what its holders have paid in. */
const OWED_BY = `case when provider = 'wallet' then '${ACCOUNTS.funding}' else '${ACCOUNTS.provider}' end
      || provider`;

const POSTINGS = `
with of_provider as (
  select merchant, currency, day, provider, ${SUMS}
  from settled_movements where day = any($1::date[]) group by merchant, currency, day, provider),
of_merchant as (
  select merchant, currency, day, sum(gross) as gross, sum(refunds) as refunds,
    sum(disputes) as disputes, sum(net) as net
  from of_provider group by merchant, currency, day),
postings as (
  select 'settled' as name, merchant, currency, day, e.account, e.amount
  from of_provider cross join lateral (values
    ('${ACCOUNTS.transitIn}' || provider, net), ('${ACCOUNTS.fees}' || provider, fees),
    (${OWED_BY}, refunds + disputes - gross)) e(account, amount)
  union all
  select 'payout', merchant, currency, day, '${ACCOUNTS.fees}' || provider, -fees from of_provider
  union all
  select 'payout', merchant, currency, day, e.account, e.amount
  from of_merchant cross join lateral (values
    ('${ACCOUNTS.merchant}' || merchant, gross - refunds),
    ('${ACCOUNTS.disputed}' || merchant, -disputes),
    ('${ACCOUNTS.transitOut}' || merchant, -net)) e(account, amount))
insert into ledger_entries (transaction_id, merchant, account, currency, amount_minor)
select name || '/' || merchant || '/' || currency || '/' || day, merchant, account, currency, amount
from postings where amount <> 0`;
