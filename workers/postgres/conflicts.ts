/**
 * Checkouts whose id was taken earlier by a checkout with other content. Each conflict is recorded
 * before its record counts as finished, and gets its own status, `failed`/`idempotency_key_reuse`,
 * with its fingerprint. It is published to the shard that accepted it, beside the statuses of the
 * first checkout. A conflict that is recorded again (redelivery, sweep) is published again.
 */
import type pg from 'pg';
import type { PaymentStatus } from '../../engine/codec/records.js';

const REASON = 'idempotency_key_reuse';
const VERSION = 1;

const RECORD = `
insert into checkout_conflicts (merchant, checkout_id, fingerprint, shard, amount, currency,
  payment_method, asked, accepted_at)
select merchant, checkout_id, decode(fingerprint, 'hex'), shard, amount, currency, payment_method,
  asked, to_timestamp(accepted_ms / 1000.0)
from json_to_recordset($1) as input(merchant text, checkout_id text, fingerprint text, shard int,
  amount bigint, currency text, payment_method text, asked text, accepted_ms bigint)
order by merchant, checkout_id
on conflict (merchant, checkout_id, fingerprint) do update set
  shard = greatest(checkout_conflicts.shard, excluded.shard), published_at = null`;

/** What of a checkout is kept. */
interface ConflictRow {
  readonly merchant: string;
  readonly checkout_id: string;
  readonly shard: number;
  /** SHA-256 of the request's meaning, hex. */
  readonly fingerprint: string;
  readonly amount: number;
  readonly currency: string;
  readonly payment_method: string;
  /** The provider asked for, or auto. */
  readonly asked: string;
  readonly accepted_ms: number;
}

export async function recordConflicts(pool: pg.Pool, rows: readonly ConflictRow[]): Promise<void> {
  await pool.query(RECORD, [JSON.stringify(rows)]);
}

interface Row {
  merchant: string;
  checkout_id: string;
  fingerprint: Buffer;
  shard: number;
  asked: string;
  found_ms: number;
}

const UNPUBLISHED = {
  name: 'unpublished-conflicts',
  text: `
select merchant, checkout_id, fingerprint, shard, asked,
  floor(extract(epoch from found_at) * 1000)::bigint as found_ms
from checkout_conflicts where published_at is null order by found_at limit $1`,
};

/** The statuses of at most `rowsMax` conflicts that `payments.status` does not have yet. */
export async function unpublishedConflicts(
  client: pg.ClientBase,
  rowsMax: number,
): Promise<PaymentStatus[]> {
  const { rows } = await client.query<Row>({ ...UNPUBLISHED, values: [rowsMax] });
  return rows.map(statusOf);
}

const MARK = `
update checkout_conflicts c set published_at = now()
from json_to_recordset($1) as i(merchant text, checkout_id text, fingerprint text, shard int)
where c.merchant = i.merchant and c.checkout_id = i.checkout_id
  and c.fingerprint = decode(i.fingerprint, 'hex') and c.shard = i.shard`;

/** Marks what was delivered. */
export async function markConflictsPublished(
  client: pg.ClientBase,
  records: readonly PaymentStatus[],
): Promise<void> {
  const rows = records.map(({ merchant, checkout_id, fingerprint, shard }) => ({
    merchant,
    checkout_id,
    fingerprint: fingerprint?.toString('hex'),
    shard,
  }));
  await client.query(MARK, [JSON.stringify(rows)]);
}

function statusOf(row: Row): PaymentStatus {
  const { merchant, checkout_id, fingerprint, shard, asked, found_ms } = row;
  return {
    version: VERSION,
    fingerprint,
    shard,
    merchant,
    checkout_id,
    status: 'failed',
    provider: asked,
    provider_reference: null,
    failure_code: REASON,
    refunded_amount: 0,
    disputed_amount: 0,
    next_action: null,
    updated_at: found_ms,
    history: [{ status: 'failed', at: found_ms, reason: REASON }],
  };
}
