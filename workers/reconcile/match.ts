/**
 * Their lines against our payments, as whole sets in Postgres: by reference, then by id and
 * amount; then our payments against their lines. One transaction: it is done or it is not,
 * and doing it again changes nothing.
 */
import type pg from 'pg';
import { inTransaction } from './connection.js';
import { chargeVerdict, REFUND_VERDICT } from './discrepancies.js';
import { feeColumns, feeJoins, type Rounding } from './fees.js';
import { UPSERT_ITEM } from './items.js';
import { DISPUTES_AGREE, DISPUTES_MISSING, disputes } from './match-disputes.js';
import { boundsOf, type Scope } from './scope.js';

export interface Figure {
  readonly provider: string;
  readonly verdict: string;
  readonly currency: string;
  readonly lines: number;
  /** A sum: it may be beyond 2^53. */
  readonly amount_minor: bigint;
}

/** What each verdict covers, by provider and currency. */
export async function match(
  client: pg.Client,
  runId: number,
  scope: Scope,
  onStep: (done: number, of: number) => void,
): Promise<Figure[]> {
  const bounds = boundsOf(scope);
  const fees = feeColumns(scope.fees);
  const steps: [sql: string, values: unknown[]][] = [
    [JUDGED, []],
    [byReference(scope.feeRounding), [...bounds, ...fees]],
    ['analyze judged', []],
    [byId(scope.feeRounding), fees],
    [OTHER_CHARGE, []],
    [REFUNDS, bounds],
    [disputes(LINE, IN_SCOPE), bounds],
    [REPORTED_BEFORE, []],
    [SETTLE, [scope.from, scope.period.until, scope.clock.timeZone, scope.clock.cutoffHour]],
    [ITEMS, [runId]],
    ['analyze judged', []],
    [MISSING_OUTSIDE, [runId, scope.from, scope.knownUntil, scope.decidedUntil, scope.complete]],
    [DISPUTES_MISSING, [runId, scope.from, scope.decidedUntil, scope.complete]],
    [MATCHED_SINCE, [scope.providers]],
  ];
  return inTransaction(client, async () => {
    for (const [i, [sql, values]] of steps.entries()) {
      onStep(i, steps.length);
      await client.query(sql, values);
    }
    const { rows } = await client.query<Figure & { amount_minor: string }>(FIGURES, [
      scope.period.from,
    ]);
    return rows.map((row) => ({ ...row, amount_minor: BigInt(row.amount_minor) }));
  });
}

const JUDGED = `
create temp table judged (
  provider text, kind text, movement text, reference text, merchant text, checkout_id text,
  amount_minor bigint, currency text, fee_minor bigint, settled_currency text, status text,
  at timestamptz, copy int,
  our_merchant text, our_checkout_id text, our_reference text, ours jsonb, verdict text
) on commit drop`;

const LINE = `l.provider, l.kind, l.movement, l.reference, l.merchant, l.checkout_id,
  l.amount_minor, l.currency, l.fee_minor, l.settled_currency, l.status, l.at`;
const IN_SCOPE = `l.source_id = any($1) and l.at >= $2 and l.at < $3`;
const OURS = `jsonb_build_object('status', p.status, 'amount', p.amount, 'currency', p.currency,
  'reference', p.provider_reference, 'refunded_amount', p.refunded_amount)`;

/** A reference that comes again is a duplicate of the first. */
const byReference = (rounding: Rounding): string => `
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
${feeJoins(4)}
cross join lateral (select ${chargeVerdict(rounding)} as verdict) v`;

const byId = (rounding: Rounding): string => `
update judged l set our_merchant = p.merchant, our_checkout_id = p.checkout_id,
  our_reference = p.provider_reference, ours = ${OURS}, verdict = p.verdict
from (
  select l.provider as of_provider, l.movement as of_movement, p.*, ${chargeVerdict(rounding)} as verdict
  from judged l
  join payments p
    on p.provider = l.provider and p.merchant = l.merchant and p.checkout_id = l.checkout_id
  ${feeJoins(1)}
  where l.verdict = 'missing_inside') p
where l.provider = p.of_provider and l.movement = p.of_movement and l.verdict = 'missing_inside'`;

/** Found by id while the payment's own charge is reported too: it was charged twice. */
const OTHER_CHARGE = `
update judged l set verdict = 'duplicate_outside'
where l.copy = 1 and l.our_reference <> l.reference and (
  exists (select 1 from judged o where o.provider = l.provider and o.reference = l.our_reference)
  or exists (select 1 from settled_movements s where s.kind = 'charge' and s.movement <> l.movement
    and s.merchant = l.our_merchant and s.checkout_id = l.our_checkout_id))`;

/** What was settled with other periods counts too: nothing is taken back twice. */
const REFUNDS = `
with reported as materialized (
  select l.*, -sum(l.amount_minor) filter (where l.copy = 1)
    over (partition by l.provider, l.reference) as refunded
  from (
    select l.*, row_number() over (partition by l.provider, l.movement order by l.source_id, l.line)
      as copy
    from settlement_lines l where ${IN_SCOPE} and l.kind = 'refund') l),
known as materialized (
  select distinct p.provider, p.merchant, p.checkout_id
  from reported l join payments p on p.provider = l.provider and p.provider_reference = l.reference),
earlier as materialized (
  select s.provider, s.merchant, s.checkout_id, -sum(s.amount_minor) as refunded
  from known k join settled_movements s using (merchant, checkout_id, provider)
  left join reported r on r.provider = s.provider and r.movement = s.movement
  where s.kind = 'refund' and r.movement is null
  group by s.provider, s.merchant, s.checkout_id)
insert into judged
select ${LINE}, l.copy, p.merchant, p.checkout_id, p.provider_reference,
  case when p.merchant is not null then ${OURS} end,
  case when l.copy > 1 then 'duplicate_outside' when p.merchant is null then 'missing_inside'
    else ${REFUND_VERDICT} end
from reported l
left join payments p on p.provider = l.provider and p.provider_reference = l.reference
left join earlier e on e.provider = p.provider and e.merchant = p.merchant
  and e.checkout_id = p.checkout_id`;

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

const ITEMS = `
insert into reconciliation_items (run_id, kind, provider, subject, merchant, checkout_id, reference,
  ours, theirs, state, at, reason, actor)
select distinct on (l.provider, subject) $1::bigint, l.verdict, l.provider,
  l.movement || case when l.copy > 1 then '#' || l.copy else '' end as subject,
  coalesce(l.our_merchant, l.merchant), coalesce(l.our_checkout_id, l.checkout_id), l.reference,
  l.ours, jsonb_build_object('type', l.kind, 'reference', l.reference, 'status', l.status,
    'amount', l.amount_minor, 'currency', l.currency, 'fee', l.fee_minor,
    'merchant', l.merchant, 'checkout_id', l.checkout_id)
    || case when l.settled_currency <> l.currency
      then jsonb_build_object('settled_currency', l.settled_currency) else '{}' end,
  'open', l.at, 'found', 'reconciliation'
from judged l where l.verdict not in ('matched', 'agreed')
${UPSERT_ITEM}`;

/** Our time of a payment `p` is that of its ledger entries. */
export const OUR_TIME = `
  select coalesce((select min(e.at) from ledger_entries e
    where e.merchant = p.merchant and e.checkout_id = p.checkout_id
      and e.transaction_id = 'charge/' || p.merchant || '/' || p.checkout_id), p.updated_at) as at
  offset 0`;

const MISSING_OUTSIDE = `
insert into reconciliation_items (run_id, kind, provider, subject, merchant, checkout_id, reference,
  ours, theirs, state, at, reason, actor)
select $1::bigint, case when late then 'late' else 'missing_outside' end, provider,
  'payment:' || merchant || '/' || checkout_id, merchant, checkout_id, provider_reference, ours,
  null, case when late then 'carried' else 'open' end, at, 'found', 'reconciliation'
from (
  select p.provider, p.merchant, p.checkout_id, p.provider_reference, ${OURS} as ours, t.at,
    t.at >= $4::timestamptz as late
  from payments p cross join lateral (${OUR_TIME}) t
  where p.status = 'succeeded' and p.provider = any($5::text[]) and p.updated_at >= $2
    and not exists (select 1 from judged j
      where j.our_merchant = p.merchant and j.our_checkout_id = p.checkout_id and j.kind = 'charge'
        and j.verdict <> 'duplicate_outside')
    and not exists (select 1 from settled_movements s
      where s.merchant = p.merchant and s.checkout_id = p.checkout_id and s.kind = 'charge')
) missing where at >= $2 and at < $3
${UPSERT_ITEM}
  and not (reconciliation_items.kind = 'missing_outside' and excluded.kind = 'late')`;

const MATCHED_SINCE = `
update reconciliation_items i set state = 'healed', reason = 'matched by a later run',
  actor = 'rule', updated_at = now()
where i.state in ('open', 'carried') and i.provider = any($1::text[]) and (
  (i.kind in ('missing_outside', 'late') and i.subject like 'payment:%'
    and exists (select 1 from settled_movements s
      where s.merchant = i.merchant and s.checkout_id = i.checkout_id and s.kind = 'charge'))
  or (i.kind = 'missing_outside' and i.subject like 'disputed:%' and ${DISPUTES_AGREE})
  or exists (select 1 from judged j where j.provider = i.provider and j.movement = i.subject
    and j.copy = 1 and j.verdict = 'matched'))`;

/** Of the period itself, without what hangs over from the one before. */
const FIGURES = `
select provider, verdict, currency, count(*) as lines, sum(amount_minor)::text as amount_minor
from judged where at >= $1 group by provider, verdict, currency order by provider, verdict, currency`;
