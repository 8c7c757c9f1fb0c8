/**
 * Intent first, for every send after the first: the send is committed before its first byte
 * leaves. Also the only place where a new attempt or another provider begins.
 */
import type pg from 'pg';
import { CLOCK_SQL, monotonicMs, type PostgresClock } from './clock.js';

export interface SendRow {
  /** merchant/checkoutId */
  readonly key: string;
  readonly merchant: string;
  readonly checkout_id: string;
  /** What was judged; anything else in the table means that somebody was faster. */
  readonly version: number;
  readonly asks: number;
  readonly provider: string;
  readonly attempt: number;
  readonly idempotency_key: string;
  /** Surely nobody has taken it so far: the provider's key window begins now. */
  readonly is_fresh: boolean;
}

const COMMIT = {
  name: 'commit-sends',
  text: `
with input as (select * from json_to_recordset($1) as input(
  merchant text, checkout_id text, version int, asks int, provider text, attempt int,
  idempotency_key text, is_fresh boolean)),
locked as (
  select p.merchant, p.checkout_id from payments p join input i using (merchant, checkout_id)
  where p.version = i.version and p.asks = i.asks and p.status = 'processing'
  order by p.merchant, p.checkout_id for update of p)
update payments p set
  provider = i.provider, attempt = i.attempt, idempotency_key = i.idempotency_key,
  first_sent_at = case when i.is_fresh then now() else p.first_sent_at end,
  -- An earlier date is of a send that nobody has taken, perhaps by a clock that was ahead.
  last_sent_at = case when i.is_fresh then now() else greatest(p.last_sent_at, now()) end,
  find_only = p.find_only and not i.is_fresh
from input i join locked using (merchant, checkout_id)
where p.merchant = i.merchant and p.checkout_id = i.checkout_id
returning p.merchant || '/' || p.checkout_id as key, ${CLOCK_SQL} as now`,
};

/**
 * One statement. @returns for each row whether it may be sent
 * @param clock hears Postgres' time
 */
export async function commitSends(
  pool: pg.Pool,
  rows: readonly SendRow[],
  clock?: Pick<PostgresClock, 'observe'>,
): Promise<boolean[]> {
  const begunAt = monotonicMs();
  const found = await pool.query<{ key: string; now: number }>({
    ...COMMIT,
    values: [JSON.stringify(rows)],
  });
  if (found.rows[0]) clock?.observe(found.rows[0].now, begunAt);
  const committed = new Set(found.rows.map((row) => row.key));
  return rows.map((row) => committed.has(row.key));
}
