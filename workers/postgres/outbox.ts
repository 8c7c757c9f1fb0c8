/**
 * Changes that are in Postgres and not yet in `payments.status`: one complete record per version,
 * in order. A delivered version is marked afterwards; a crash in between publishes it again, and
 * readers ignore a version that they have.
 */
import type pg from 'pg';
import type { HistoryEntry, PaymentStatus } from '../../engine/codec/records.js';
import type { PaymentStatusName } from '../../engine/domain/payment.js';

const HISTORY_MAX = 32;
/** That a payment has begun is told once it has lasted so long, else together with its outcome. */
export const STARTED_MS = 500;

const FINGERPRINT_BYTES = 32;

interface Row {
  merchant: string;
  checkout_id: string;
  fingerprint: Buffer;
  shard: number;
  provider: string;
  provider_reference: string | null;
  failure_code: string | null;
  refunded_amount: number;
  disputed_amount: number;
  next_action: unknown;
  version: number;
  published_version: number;
  events: [version: number, status: PaymentStatusName, atMs: number, reason: string][];
}

const SELECT = {
  name: 'unpublished',
  text: `
select p.merchant, p.checkout_id, p.fingerprint, p.shard, p.provider, p.provider_reference, p.failure_code,
  p.refunded_amount, p.disputed_amount, p.next_action, p.version, p.published_version,
  (select json_agg(json_build_array(e.version, e.status,
      floor(extract(epoch from e.at) * 1000)::bigint, e.reason) order by e.version)
    from payment_events e where e.merchant = p.merchant and e.checkout_id = p.checkout_id
      and e.version > p.published_version - ${HISTORY_MAX} and e.version <= p.version) as events
from payments p where p.version > p.published_version
  and (p.version > 1 or p.status <> 'processing'
    or p.updated_at < now() - ${STARTED_MS} * interval '1 ms')
  and p.merchant || '/' || p.checkout_id <> all($2::text[])
order by p.updated_at limit $1`,
};

const MARK = {
  name: 'mark-published',
  text: `
with input as (select * from json_to_recordset($1) as
  input(merchant text, checkout_id text, version int, shard int)),
locked as (
  select p.merchant, p.checkout_id from payments p join input i using (merchant, checkout_id)
  where p.published_version < i.version and p.shard = i.shard order by p.merchant, p.checkout_id for update of p)
update payments p set published_version = i.version
from input i join locked using (merchant, checkout_id)
where p.merchant = i.merchant and p.checkout_id = i.checkout_id`,
};

/**
 * At most `rowsMax` payments' unpublished versions, those of one payment in order.
 * @param without keys of payments that are left out
 */
export async function unpublished(
  client: pg.ClientBase,
  rowsMax: number,
  without: readonly string[] = [],
): Promise<PaymentStatus[]> {
  const { rows } = await client.query<Row>({ ...SELECT, values: [rowsMax, without] });
  return rows.flatMap(recordsOf);
}

/** Marks what was delivered; of several versions of one payment the greatest counts. */
export async function markPublished(
  client: pg.ClientBase,
  records: readonly PaymentStatus[],
): Promise<void> {
  const newest = new Map(
    records.map((record) => [`${record.merchant}/${record.checkout_id}`, record]),
  );
  const rows = [...newest.values()].map(({ merchant, checkout_id, version, shard }) => ({
    merchant,
    checkout_id,
    version,
    shard,
  }));
  await client.query({ ...MARK, values: [JSON.stringify(rows)] });
}

function recordsOf(row: Row): PaymentStatus[] {
  const records: PaymentStatus[] = [];
  const history: HistoryEntry[] = [];
  for (const [version, status, at, reason] of row.events) {
    history.push({ status, at, reason });
    if (version <= row.published_version) continue;
    records.push({
      version,
      fingerprint: row.fingerprint.length === FINGERPRINT_BYTES ? row.fingerprint : null,
      shard: row.shard,
      merchant: row.merchant,
      checkout_id: row.checkout_id,
      status,
      provider: row.provider,
      provider_reference: row.provider_reference,
      failure_code: status === 'failed' ? row.failure_code : null,
      refunded_amount: row.refunded_amount,
      disputed_amount: row.disputed_amount,
      next_action:
        status === 'requires_action' && row.next_action ? JSON.stringify(row.next_action) : null,
      updated_at: at,
      history: history.slice(-HISTORY_MAX),
    });
  }
  return records;
}
