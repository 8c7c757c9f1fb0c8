/**
 * Disputes of a report against ours, as SQL: line by line against the dispute that webhooks or an
 * earlier step have recorded, and payment by payment what is booked against what is settled.
 */
import { UPSERT_ITEM } from './items.js';

const OURS = `jsonb_build_object('status', p.status, 'amount', p.amount, 'currency', p.currency,
  'reference', p.provider_reference, 'disputed_amount', p.disputed_amount)`;

/** What was taken stays agreed after it came back: days are run in any order. */
const VERDICT = `
  case
    when p.status <> 'succeeded' then 'status_differs'
    when l.currency <> p.currency then 'currency_differs'
    when t.amount is distinct from abs(l.amount_minor) then 'amount_differs'
    when t.state = 'noted' or (l.amount_minor > 0 and t.state <> 'void') then 'status_differs'
    when l.settled_currency <> l.currency then 'settlement_currency_differs'
    else 'matched'
  end`;

/** @param line the columns of a judged line @param inScope which lines `l` a run looks at */
export const disputes = (line: string, inScope: string): string => `
insert into judged
select ${line}, l.copy, p.merchant, p.checkout_id, p.provider_reference,
  case when p.merchant is not null then ${OURS} || jsonb_build_object('dispute', t.state) end,
  case when l.copy > 1 then 'duplicate_outside' when p.merchant is null then 'missing_inside'
    else ${VERDICT} end
from (
  select l.*, row_number() over (partition by l.provider, l.movement order by l.source_id, l.line)
    as copy
  from settlement_lines l where ${inScope} and l.kind = 'dispute') l
left join payments p on p.provider = l.provider and p.provider_reference = l.reference
left join payment_parts t on t.provider = l.provider and t.kind = 'disputed'
  and t.part_id = l.dispute and t.merchant = p.merchant and t.checkout_id = p.checkout_id`;

/** What all reports have taken of payment `p` by disputes, less what came back. */
const SETTLED = `
  select coalesce(-sum(s.amount_minor), 0) as disputed, max(s.at) as at from settled_movements s
  where s.merchant = p.merchant and s.checkout_id = p.checkout_id and s.kind = 'dispute'`;

/**
 * Booked and not reported, or reported in part: once the last of both is old enough to decide. A
 * line that is an item already says it better.
 */
export const DISPUTES_MISSING = `
insert into reconciliation_items (run_id, kind, provider, subject, merchant, checkout_id, reference,
  ours, theirs, state, at, reason, actor)
select $1::bigint, 'missing_outside', p.provider, 'disputed:' || p.merchant || '/' || p.checkout_id,
  p.merchant, p.checkout_id, p.provider_reference, ${OURS},
  jsonb_build_object('disputed_amount', s.disputed), 'open', greatest(s.at, b.at), 'found',
  'reconciliation'
from (
  select merchant, checkout_id from payments u
  where u.updated_at >= $2 and (u.disputed_amount <> 0 or exists (select from payment_parts t
    where t.merchant = u.merchant and t.checkout_id = u.checkout_id and t.kind = 'disputed'))
  union
  select our_merchant, our_checkout_id from judged where kind = 'dispute' and verdict = 'matched') k
join payments p using (merchant, checkout_id)
cross join lateral (${SETTLED}) s
cross join lateral (select max(e.at) as at from ledger_entries e
  where e.merchant = p.merchant and e.checkout_id = p.checkout_id
    and e.transaction_id like 'dispute/%') b
where p.status = 'succeeded' and p.provider = any($4::text[]) and p.disputed_amount <> s.disputed
  and greatest(s.at, b.at) >= $2 and greatest(s.at, b.at) < $3
  and not exists (select from judged j where j.kind = 'dispute' and j.verdict <> 'matched'
    and j.our_merchant = p.merchant and j.our_checkout_id = p.checkout_id)
${UPSERT_ITEM}`;

/** Of item `i`, which says that disputes are missing outside. */
export const DISPUTES_AGREE = `exists (
    select from payments p cross join lateral (${SETTLED}) s
    where p.merchant = i.merchant and p.checkout_id = i.checkout_id
      and p.disputed_amount = s.disputed)`;
