/**
 * Their lines against our payments, as whole sets in Postgres: by reference, then by id and
 * amount; then our payments against their lines. One transaction: it is done or it is not,
 * and doing it again changes nothing.
 */
import type pg from 'pg';
import { inTransaction } from './connection.js';
import { boundsOf, type Scope } from './scope.js';
import { CHARGE_VERDICT, REFUND_VERDICT } from './verdicts.js';

export interface Figure {
  readonly provider: string;
  readonly verdict: string;
  readonly currency: string;
  readonly lines: number;
  readonly amount_minor: number;
}

/** What each verdict covers, by provider and currency. */
export async function match(
  client: pg.Client,
  runId: number,
  scope: Scope,
  onStep: (done: number, of: number) => void,
): Promise<Figure[]> {
  const bounds = boundsOf(scope);
  const fees = [[...scope.fees.keys()], [...scope.fees.values()]];
  const steps: [sql: string, values: unknown[]][] = [
    [JUDGED, []],
    [BY_REFERENCE, [...bounds, ...fees]],
    ['analyze judged', []],
    [BY_ID, fees],
    [OTHER_CHARGE, []],
    [REFUNDS, bounds],
    [REPORTED_BEFORE, []],
    [SETTLE, [scope.from, scope.period.until, scope.clock.timeZone, scope.clock.cutoffHour]],
    [ITEMS, [runId]],
    ['analyze judged', []],
    [MISSING_OUTSIDE, [runId, scope.from, scope.knownUntil, scope.decidedUntil, scope.providers]],
    [MATCHED_SINCE, [scope.providers]],
  ];
  return inTransaction(client, async () => {
    for (const [i, [sql, values]] of steps.entries()) {
      onStep(i, steps.length);
      await client.query(sql, values);
    }
    return (await client.query<Figure>(FIGURES, [scope.period.from])).rows;
  });
}

const JUDGED = `
create temp table judged (
  provider text, kind text, movement text, reference text, merchant text, checkout_id text,
  amount_minor bigint, currency text, fee_minor bigint, status text, at timestamptz, copy int,
  our_merchant text, our_checkout_id text, our_reference text, ours jsonb, verdict text
) on commit drop`;

const LINE = `l.provider, l.kind, l.movement, l.reference, l.merchant, l.checkout_id,
  l.amount_minor, l.currency, l.fee_minor, l.status, l.at`;
const IN_SCOPE = `l.source_id = any($1) and l.at >= $2 and l.at < $3`;
const OURS = `jsonb_build_object('status', p.status, 'amount', p.amount, 'currency', p.currency,
  'reference', p.provider_reference, 'refunded_amount', p.refunded_amount)`;

/** A reference that comes again is a duplicate of the first. */
const BY_REFERENCE = `
insert into judged
select ${LINE}, l.copy, p.merchant, p.checkout_id, p.provider_reference,
  case when p.merchant is not null and v.verdict <> 'matched' then ${OURS} end,
  case when l.copy > 1 then 'duplicate_outside' when p.merchant is null then 'missing_inside'
    else v.verdict end
from (
  select l.*, row_number() over (partition by l.provider, l.movement order by l.source_id, l.line)
    as copy
  from settlement_lines l where ${IN_SCOPE} and l.kind = 'charge') l
left join payments p on p.provider = l.provider and p.provider_reference = l.reference
left join unnest($4::text[], $5::bigint[]) f(provider, per_mille) on f.provider = l.provider
cross join lateral (select ${CHARGE_VERDICT} as verdict) v`;

const BY_ID = `
update judged l set our_merchant = p.merchant, our_checkout_id = p.checkout_id,
  our_reference = p.provider_reference, ours = ${OURS}, verdict = p.verdict
from (
  select l.provider as of_provider, l.movement as of_movement, p.*, ${CHARGE_VERDICT} as verdict
  from judged l
  join payments p
    on p.provider = l.provider and p.merchant = l.merchant and p.checkout_id = l.checkout_id
  left join unnest($1::text[], $2::bigint[]) f(provider, per_mille) on f.provider = l.provider
  where l.verdict = 'missing_inside') p
where l.provider = p.of_provider and l.movement = p.of_movement and l.verdict = 'missing_inside'`;

/** Found by id while the payment's own charge is reported too: it was charged twice. */
const OTHER_CHARGE = `
update judged l set verdict = 'duplicate_outside'
where l.copy = 1 and l.our_reference <> l.reference and (
  exists (select 1 from judged o where o.provider = l.provider and o.reference = l.our_reference)
  or exists (select 1 from settled_movements s where s.kind = 'charge' and s.movement <> l.movement
    and s.merchant = l.our_merchant and s.checkout_id = l.our_checkout_id))`;

const REFUNDS = `
insert into judged
select ${LINE}, l.copy, p.merchant, p.checkout_id, p.provider_reference,
  case when p.merchant is not null then ${OURS} end,
  case when l.copy > 1 then 'duplicate_outside' when p.merchant is null then 'missing_inside'
    else ${REFUND_VERDICT} end
from (
  select l.*, -sum(l.amount_minor) filter (where l.copy = 1)
    over (partition by l.provider, l.reference) as refunded
  from (
    select l.*, row_number() over (partition by l.provider, l.movement order by l.source_id, l.line)
      as copy
    from settlement_lines l where ${IN_SCOPE} and l.kind = 'refund') l) l
left join payments p on p.provider = l.provider and p.provider_reference = l.reference`;

/** The same movement with another time, in a report of another day. */
const REPORTED_BEFORE = `
update judged l set verdict = 'duplicate_outside', copy = 2
from settled_movements s
where l.copy = 1 and s.provider = l.provider and s.movement = l.movement and s.at <> l.at`;

/** What agrees belongs to its accounting day or, once that is closed, to the next open one. */
const SETTLE = `
with calendar as materialized (
  select d::date as day,
    (select min(o)::date from generate_series(d, d + interval '10 years', interval '1 day') o
     where not exists (select 1 from settlement_days c where c.day = o::date)) as settles_on
  from generate_series(accounting_day($1, $3, $4)::timestamp, accounting_day($2, $3, $4)::timestamp,
    interval '1 day') d)
insert into settled_movements (provider, movement, kind, merchant, checkout_id, currency,
  amount_minor, fee_minor, at, day)
select l.provider, l.movement, l.kind, l.our_merchant, l.our_checkout_id, l.currency,
  l.amount_minor, coalesce(l.fee_minor, 0), l.at, c.settles_on
from judged l join calendar c on c.day = accounting_day(l.at, $3, $4)
where l.copy = 1 and l.verdict in ('matched', 'fee_differs')
on conflict do nothing`;

/** An item that says the same as before stays as it is, also one that was resolved. */
const UPSERT = `
on conflict (provider, subject) do update set kind = excluded.kind, ours = excluded.ours,
  theirs = excluded.theirs, state = excluded.state, reason = excluded.reason,
  actor = excluded.actor, run_id = excluded.run_id, updated_at = now()
where (reconciliation_items.kind, reconciliation_items.ours, reconciliation_items.theirs)
  is distinct from (excluded.kind, excluded.ours, excluded.theirs)`;

const ITEMS = `
insert into reconciliation_items (run_id, kind, provider, subject, merchant, checkout_id, reference,
  ours, theirs, state, at, reason, actor)
select distinct on (l.provider, subject) $1::bigint, l.verdict, l.provider,
  l.movement || case when l.copy > 1 then '#' || l.copy else '' end as subject,
  coalesce(l.our_merchant, l.merchant), coalesce(l.our_checkout_id, l.checkout_id), l.reference,
  l.ours, jsonb_build_object('type', l.kind, 'reference', l.reference, 'status', l.status,
    'amount', l.amount_minor, 'currency', l.currency, 'fee', l.fee_minor,
    'merchant', l.merchant, 'checkout_id', l.checkout_id),
  'open', l.at, 'found', 'reconciliation'
from judged l where l.verdict not in ('matched', 'agreed')
${UPSERT}`;

/** Our time of a payment is that of its ledger entries. */
const MISSING_OUTSIDE = `
insert into reconciliation_items (run_id, kind, provider, subject, merchant, checkout_id, reference,
  ours, theirs, state, at, reason, actor)
select $1::bigint, case when late then 'late' else 'missing_outside' end, provider,
  'payment:' || merchant || '/' || checkout_id, merchant, checkout_id, provider_reference, ours,
  null, case when late then 'carried' else 'open' end, at, 'found', 'reconciliation'
from (
  select p.provider, p.merchant, p.checkout_id, p.provider_reference, ${OURS} as ours, t.at,
    t.at >= $4::timestamptz as late
  from payments p cross join lateral (
    select coalesce((select min(e.at) from ledger_entries e
      where e.merchant = p.merchant and e.checkout_id = p.checkout_id
        and e.transaction_id = 'charge/' || p.merchant || '/' || p.checkout_id), p.updated_at) as at
    offset 0) t
  where p.status = 'succeeded' and p.provider = any($5::text[]) and p.updated_at >= $2
    and not exists (select 1 from judged j
      where j.our_merchant = p.merchant and j.our_checkout_id = p.checkout_id and j.kind = 'charge'
        and j.verdict <> 'duplicate_outside')
    and not exists (select 1 from settled_movements s
      where s.merchant = p.merchant and s.checkout_id = p.checkout_id and s.kind = 'charge')
) missing where at >= $2 and at < $3
${UPSERT}
  and not (reconciliation_items.kind = 'missing_outside' and excluded.kind = 'late')`;

const MATCHED_SINCE = `
update reconciliation_items i set state = 'healed', reason = 'matched by a later run',
  actor = 'rule', updated_at = now()
where i.state in ('open', 'carried') and i.provider = any($1::text[]) and (
  (i.kind in ('missing_outside', 'late') and exists (select 1 from settled_movements s
    where s.merchant = i.merchant and s.checkout_id = i.checkout_id and s.kind = 'charge'))
  or exists (select 1 from judged j where j.provider = i.provider and j.movement = i.subject
    and j.copy = 1 and j.verdict = 'matched'))`;

/** Of the period itself, without what hangs over from the one before. */
const FIGURES = `
select provider, verdict, currency, count(*) as lines, sum(amount_minor)::bigint as amount_minor
from judged where at >= $1 group by provider, verdict, currency order by provider, verdict, currency`;
