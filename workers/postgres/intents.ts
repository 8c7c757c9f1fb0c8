/**
 * Intent first: the row that must be committed before the first byte goes to a provider. The
 * process that inserts it may call; every other process finds it. It holds the time at which the
 * provider is polled if that process dies before it writes the answer.
 */
import type pg from 'pg';
import { CLOCK_SQL, monotonicMs, type PostgresClock } from './clock.js';
import { recordConflicts } from './conflicts.js';

export interface IntentRow {
  /** merchant/checkoutId */
  readonly key: string;
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
  readonly provider: string;
  /** Whether its maker goes on to send it. */
  readonly is_sent: boolean;
  readonly idempotency_key: string;
  readonly accepted_ms: number;
  /** `failed` for a checkout that will never be sent. */
  readonly status: 'processing' | 'failed';
  readonly reason: string;
  readonly failure_code: string | null;
  readonly ask_after_ms: number;
  /** The engine asks to hear the status again. So does a greater shard: the payment has moved there. */
  readonly republish: boolean;
}

/**
 * `inserted`: ours to send. `known`: the row was there. `conflict`: with another meaning, which is
 * recorded in checkout_conflicts.
 */
export type IntentResult = 'inserted' | 'known' | 'conflict';

const INPUT = `json_to_recordset($1) as input(
  merchant text, checkout_id text, shard int, fingerprint text, amount bigint, currency text,
  payment_method text, asked text, provider text, is_sent boolean, idempotency_key text, accepted_ms bigint, status text,
  reason text, failure_code text, ask_after_ms int, republish boolean)`;

const INSERT = {
  name: 'insert-intents',
  text: `
with input as (select * from ${INPUT}),
inserted as (
  insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
    payment_method, asked, provider, failure_code, version, idempotency_key, first_sent_at,
    last_sent_at, waiting_since, next_ask_at, accepted_at)
  select merchant, checkout_id, shard, decode(fingerprint, 'hex'), status, amount, currency,
    payment_method, asked, provider, failure_code, 1, idempotency_key,
    case when is_sent then now() end, case when is_sent then now() end,
    case when status = 'processing' and not is_sent then now() end,
    case when status = 'processing' then now() + ask_after_ms * interval '1 ms' end,
    to_timestamp(accepted_ms / 1000.0)
  from input order by merchant, checkout_id
  on conflict do nothing returning merchant, checkout_id),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select merchant, checkout_id, 1, status, reason, 'processor'
  from input join inserted using (merchant, checkout_id)),
republished as (
  update payments p set shard = greatest(p.shard, i.shard),
    published_version = least(p.published_version, p.version - 1)
  from input i where (i.republish or i.shard > p.shard)
    and p.merchant = i.merchant and p.checkout_id = i.checkout_id
    -- Another meaning is another checkout: it neither moves this one nor asks for its status.
    and p.fingerprint = decode(i.fingerprint, 'hex'))
select ${CLOCK_SQL} as now, i.merchant || '/' || i.checkout_id as key, n.merchant is not null as is_new,
  p.fingerprint = decode(i.fingerprint, 'hex') as is_same
from input i
left join inserted n on n.merchant = i.merchant and n.checkout_id = i.checkout_id
left join payments p on p.merchant = i.merchant and p.checkout_id = i.checkout_id`,
};

/** Rows that a transaction unseen by the first statement inserted. */
const COMPARE = `
select merchant || '/' || checkout_id as key,
  p.fingerprint = decode(input.fingerprint, 'hex') as is_same
from ${INPUT} join payments p using (merchant, checkout_id)`;

interface Found {
  now: number;
  key: string;
  is_new: boolean;
  is_same: boolean | null;
}

/**
 * One statement, so one transaction; conflicts take another one. Rows sorted by key; results in
 * the rows' order.
 * @param clock hears Postgres' time
 */
export async function insertIntents(
  pool: pg.Pool,
  rows: readonly IntentRow[],
  clock?: Pick<PostgresClock, 'observe'>,
): Promise<IntentResult[]> {
  const begunAt = monotonicMs();
  const { rows: found } = await pool.query<Found>({ ...INSERT, values: [JSON.stringify(rows)] });
  if (found[0]) clock?.observe(found[0].now, begunAt);
  const results = new Map(found.map((entry) => [entry.key, resultOf(entry)]));
  const unseen = rows.filter((row) => results.get(row.key) === undefined);
  if (unseen.length > 0) {
    const again = await pool.query<Found>(COMPARE, [JSON.stringify(unseen)]);
    for (const row of again.rows) results.set(row.key, row.is_same ? 'known' : 'conflict');
  }
  const conflicts = rows.filter((row) => results.get(row.key) === 'conflict');
  if (conflicts.length > 0) await recordConflicts(pool, conflicts);
  return rows.map((row) => results.get(row.key) ?? 'known');
}

function resultOf(found: Found): IntentResult | undefined {
  if (found.is_new) return 'inserted';
  if (found.is_same === null) return undefined;
  return found.is_same ? 'known' : 'conflict';
}
