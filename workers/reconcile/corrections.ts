/**
 * What the state machine decided about reported movements, in one statement: the payment
 * (compare-and-set on its version), its event, the ledger, and a healed item that says so.
 */
import type pg from 'pg';
import type { PartState } from '../payment/partial-amounts.js';
import { rank } from '../postgres/webhook-results.js';

/** A dispute that a report names. */
export interface HealingPart {
  readonly provider: string;
  readonly part_id: string | null;
  readonly merchant: string;
  readonly checkout_id: string;
  readonly part_amount: number;
  readonly part_state: PartState;
}

/** Without a `part_id` it is about no dispute. */
export interface Healing extends HealingPart {
  /** The version that was judged. */
  readonly version: number;
  readonly status: string;
  /** Everything refunded by now, minor units. */
  readonly refunded: number;
  /** Everything disputed by now, minor units. */
  readonly disputed: number;
  readonly reason: string;
  readonly reference: string;
  readonly subject: string;
  readonly kind: string;
  readonly at: string;
  readonly theirs: object;
}

const partsInto = (rows: string): string => `
  insert into payment_parts as t
    (provider, kind, part_id, merchant, checkout_id, amount, state)
  select provider, 'disputed', part_id, merchant, checkout_id, part_amount, part_state
  from ${rows} where part_id is not null
  on conflict (provider, kind, part_id) do update set state = excluded.state, updated_at = now()
  where ${rank('excluded.state')} > ${rank('t.state')}`;

const APPLY = `
with input as (select * from json_to_recordset($1) as input(
  merchant text, checkout_id text, version int, status text, refunded bigint, disputed bigint,
  reason text, provider text, reference text, subject text, kind text, at timestamptz, theirs jsonb,
  part_id text, part_amount bigint, part_state text)),
locked as (
  select p.merchant, p.checkout_id, p.status, p.amount, p.refunded_amount, p.disputed_amount
  from payments p join input i using (merchant, checkout_id)
  where p.version = i.version order by p.merchant, p.checkout_id for update of p),
changed as (
  update payments p set status = i.status, version = p.version + 1,
    provider_reference = i.reference, refunded_amount = i.refunded,
    disputed_amount = i.disputed,
    next_ask_at = null, next_action = null,
    dead_reason = null, failure_code = null, updated_at = now()
  from input i join locked l using (merchant, checkout_id)
  where p.merchant = i.merchant and p.checkout_id = i.checkout_id
  returning p.merchant, p.checkout_id, p.version, p.status, p.provider, p.currency, p.amount,
    p.refunded_amount, p.disputed_amount, i.reason, i.subject, i.kind, i.at, i.theirs, i.reference,
    i.part_id, i.part_amount, i.part_state,
    l.status as status_before, l.refunded_amount as refunded_before,
    l.disputed_amount as disputed_before),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select merchant, checkout_id, version, status, reason, 'reconciliation' from changed),
entries as (
  insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
  select c.transaction_id, c.merchant, c.checkout_id, e.account, c.currency, e.amount
  from (
    select 'charge/' || merchant || '/' || checkout_id as transaction_id,
      'merchant:' || merchant as owing, amount as owed, *
    from changed where status = 'succeeded' and status_before <> 'succeeded'
    union all
    select 'refund/' || merchant || '/' || checkout_id || '/' || version,
      'merchant:' || merchant, refunded_before - refunded_amount, *
    from changed where refunded_amount > refunded_before
    union all
    select 'dispute/' || merchant || '/' || checkout_id || '/' || version,
      'disputed:' || merchant, disputed_before - disputed_amount, *
    from changed where disputed_amount <> disputed_before) c
  cross join lateral (values ('provider:' || c.provider, c.owed), (c.owing, -c.owed))
    e(account, amount)),
parts as (${partsInto('changed')}),
items as (
  insert into reconciliation_items (run_id, kind, provider, subject, merchant, checkout_id,
    reference, ours, theirs, state, at, reason, actor)
  select $2, kind, provider, subject, merchant, checkout_id, reference,
    jsonb_build_object('status', status_before, 'refunded_amount', refunded_before)
      || case when part_id is not null
        then jsonb_build_object('disputed_amount', disputed_before) else '{}' end, theirs,
    'healed', at, 'the provider''s word', 'rule'
  from changed
  on conflict (provider, subject) do update set kind = excluded.kind, ours = excluded.ours,
    theirs = excluded.theirs, state = 'healed', reason = excluded.reason, actor = 'rule',
    updated_at = now())
select count(*) as healed from changed`;

const RECORD_PARTS = `
with input as (select * from json_to_recordset($1) as input(provider text, part_id text,
  merchant text, checkout_id text, part_amount bigint, part_state text))
${partsInto('input')}`;

/** @returns how many were applied: somebody may have been faster */
export async function applyHealings(
  client: pg.ClientBase,
  runId: number,
  healings: readonly Healing[],
): Promise<number> {
  const { rows } = await client.query<{ healed: number }>(APPLY, [JSON.stringify(healings), runId]);
  return rows[0]!.healed;
}

/** Disputes that are counted already: only their names were not known. */
export async function recordParts(
  client: pg.ClientBase,
  parts: readonly HealingPart[],
): Promise<void> {
  if (parts.length > 0) await client.query(RECORD_PARTS, [JSON.stringify(parts)]);
}
