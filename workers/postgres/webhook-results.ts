/**
 * Records the result of a webhook in one transaction: the payment (compare-and-set on its
 * version), its event, the ledger, and the webhook's row. A repeated webhook needs no memory: the
 * state machine finds nothing new in it.
 */
import type pg from 'pg';
import type { PaymentStatusName } from '../../engine/domain/payment.js';
import { SUSPECT_AGAIN } from './late-captures.js';

/** What the payment becomes. */
export interface PaymentChange {
  /** The version that was judged; another one in the table means that somebody was faster. */
  readonly version: number;
  /** null: only noted. */
  readonly status: PaymentStatusName | null;
  readonly event_reason: string;
  readonly failure_code: string | null;
  readonly reference: string;
  /** What is refunded or disputed now and was not before. */
  readonly refunded_more: number;
  readonly disputed_more: number;
}

export interface VerdictRow {
  /** The payment's key; of an unknown one, provider/event id. */
  readonly key: string;
  readonly provider: string;
  readonly event_id: string;
  readonly merchant: string | null;
  readonly checkout_id: string | null;
  readonly type: string;
  readonly state: 'applied' | 'dropped' | 'other' | 'waiting';
  readonly reason: string | null;
  readonly received_ms: number;
  /** null unless the state is `applied`. */
  readonly change: PaymentChange | null;
  /** The charge that it says is captured, where the payment's status does not allow that. */
  readonly late_capture: string | null;
  /** The refund or dispute that it is about; null where it changes none. */
  readonly part: PartRow | null;
  /** null unless the state is `waiting`. */
  readonly wait: WaitingRecord | null;
}

export interface PartRow {
  readonly kind: 'refunded' | 'disputed';
  readonly part_id: string;
  readonly part_state: string;
  readonly part_amount: number;
}

export interface WaitingRecord {
  /** The record as it came, hex. */
  readonly record: string;
  readonly source_partition: number;
  readonly source_offset: number;
  readonly tries: number;
  readonly try_after_ms: number;
}

export const rank = (state: string): string =>
  `array_position(array['noted', 'taken', 'void'], ${state})`;

const RECORD = {
  name: 'record-webhooks',
  text: `
with input as (
  select i.*, c.version, c.status, c.event_reason, c.failure_code, c.reference, c.refunded_more,
    c.disputed_more, t.kind as part_kind, t.part_id, t.part_state, t.part_amount, w.record,
    w.source_partition, w.source_offset, w.tries, w.try_after_ms
  from json_to_recordset($1) as i(provider text, event_id text, merchant text, checkout_id text,
    type text, state text, reason text, received_ms bigint, change json, wait json,
    late_capture text, part json)
  left join lateral json_to_record(i.change) as c(version int, status text, event_reason text,
    failure_code text, reference text, refunded_more bigint, disputed_more bigint) on true
  left join lateral json_to_record(i.part) as t(kind text, part_id text, part_state text,
    part_amount bigint) on true
  left join lateral json_to_record(i.wait) as w(record text, source_partition int,
    source_offset bigint, tries int, try_after_ms int) on true),
locked as (
  select p.merchant, p.checkout_id from payments p join input i using (merchant, checkout_id)
  where p.version = i.version order by p.merchant, p.checkout_id for update of p),
changed as (
  update payments p set
    status = coalesce(i.status, p.status),
    version = p.version + 1,
    provider_reference = coalesce(p.provider_reference, i.reference),
    failure_code = case when i.status is null then p.failure_code else i.failure_code end,
    next_action = case when i.status is null then p.next_action end,
    next_ask_at = case when i.status is null then p.next_ask_at end,
    dead_reason = case when i.status is null then p.dead_reason end,
    refunded_amount = p.refunded_amount + i.refunded_more,
    disputed_amount = p.disputed_amount + i.disputed_more,
    updated_at = now()
  from input i join locked using (merchant, checkout_id)
  where p.merchant = i.merchant and p.checkout_id = i.checkout_id
  returning p.merchant, p.checkout_id, p.version, p.status, p.provider, p.currency, i.event_reason,
    case when i.status = 'succeeded' then p.amount else 0 end as charged,
    i.refunded_more, i.disputed_more),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select merchant, checkout_id, version, status, event_reason, 'webhook' from changed),
entries as (
  insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
  select e.id, c.merchant, c.checkout_id, e.account, c.currency, e.amount
  from changed c cross join lateral (values
    ('charge/' || c.merchant || '/' || c.checkout_id, 'provider:' || c.provider, c.charged),
    ('charge/' || c.merchant || '/' || c.checkout_id, 'merchant:' || c.merchant, -c.charged),
    ('refund/' || c.merchant || '/' || c.checkout_id || '/' || c.version,
      'provider:' || c.provider, -c.refunded_more),
    ('refund/' || c.merchant || '/' || c.checkout_id || '/' || c.version,
      'merchant:' || c.merchant, c.refunded_more),
    ('dispute/' || c.merchant || '/' || c.checkout_id || '/' || c.version,
      'provider:' || c.provider, -c.disputed_more),
    ('dispute/' || c.merchant || '/' || c.checkout_id || '/' || c.version,
      'disputed:' || c.merchant, c.disputed_more)) e(id, account, amount)
  where e.amount <> 0),
done as (
  select distinct on (i.provider, i.event_id) i.* from input i
  left join changed c using (merchant, checkout_id)
  where i.version is null or c.version is not null order by i.provider, i.event_id),
ids as (
  insert into webhook_event_ids as w (provider, event_id, received_at)
  select provider, event_id, to_timestamp(received_ms / 1000.0) from done
  -- The time under which the event is kept already.
  on conflict (provider, event_id) do update set received_at = w.received_at
  returning provider, event_id, received_at),
parts as (
  insert into payment_parts as t (provider, kind, part_id, merchant, checkout_id, amount, state)
  select distinct on (provider, part_kind, part_id) provider, part_kind, part_id, merchant,
    checkout_id, part_amount, part_state
  from done where part_id is not null
  order by provider, part_kind, part_id, ${rank('part_state')} desc
  on conflict (provider, kind, part_id) do update set state = excluded.state, updated_at = now()
  where ${rank('excluded.state')} > ${rank('t.state')}),
suspected as (
  insert into late_captures (provider, reference, merchant, checkout_id)
  select distinct provider, late_capture, merchant, checkout_id from done
  where late_capture is not null ${SUSPECT_AGAIN}),
kept as (
  insert into webhook_events as e (provider, event_id, merchant, checkout_id, type, state, reason,
    received_at, record, source_partition, source_offset, tries, next_try_at)
  select provider, event_id, merchant, checkout_id, type, state, reason,
    received_at, decode(record, 'hex'), source_partition, source_offset, coalesce(tries, 0),
    now() + try_after_ms * interval '1 ms'
  from done join ids using (provider, event_id)
  on conflict (provider, event_id, received_at) do update set
    merchant = excluded.merchant, checkout_id = excluded.checkout_id, state = excluded.state,
    reason = excluded.reason, judged_at = now(), record = excluded.record,
    source_partition = excluded.source_partition, source_offset = excluded.source_offset,
    tries = excluded.tries, next_try_at = excluded.next_try_at
  where e.state <> 'applied')
select provider || '/' || event_id as event from done`,
};

/** One statement, so one transaction. @returns for each row whether it is recorded */
export async function recordVerdicts(
  pool: pg.Pool,
  rows: readonly VerdictRow[],
): Promise<boolean[]> {
  const { rows: done } = await pool.query<{ event: string }>({
    ...RECORD,
    values: [JSON.stringify(rows)],
  });
  const recorded = new Set(done.map((entry) => entry.event));
  return rows.map((row) => recorded.has(`${row.provider}/${row.event_id}`));
}
