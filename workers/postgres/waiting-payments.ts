/**
 * Counts waiting work in Postgres for gauges: payments that are not finished a minute after their
 * checkout, by reason, and unpublished versions. Each statement reads a partial index of open
 * rows, and a bounded number of them.
 */
import type pg from 'pg';

/** More are counted as so many. */
const ROWS_MAX = 10_000;

/** Fixed: each is the value of a label. */
export const WAITING_REASONS = [
  'dead_letter',
  'requires_action',
  'provider_unavailable',
  'not_sent',
  'outcome_unknown',
] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

export interface WaitingPayments {
  readonly counts: Readonly<Record<WaitingReason, number>>;
  /** Age of the oldest of them that is no dead letter and waits for nobody's action. */
  readonly oldestSeconds: number;
  readonly unpublished: number;
  readonly oldestUnpublishedSeconds: number;
}

const OPEN = `
select reason, count(*)::int as payments, extract(epoch from now() - min(accepted_at))::float8 as seconds
from (
  select accepted_at, case
      when dead_reason is not null then 'dead_letter'
      when status = 'requires_action' then 'requires_action'
      when waiting_since is not null then 'provider_unavailable'
      when first_sent_at is null then 'not_sent'
      else 'outcome_unknown' end as reason
  from (
    (select * from payments where next_ask_at is not null limit ${ROWS_MAX})
    union all
    (select * from payments where dead_reason is not null and next_ask_at is null limit ${ROWS_MAX})
  ) open
  where status in ('processing', 'requires_action') and accepted_at < now() - interval '1 minute'
) late group by reason`;

const UNPUBLISHED = `
select count(*)::int as versions,
  coalesce(extract(epoch from now() - min(updated_at)), 0)::float8 as seconds
from (select updated_at from payments where version > published_version
  order by updated_at limit ${ROWS_MAX}) late`;

export async function waitingPayments(pool: pg.Pool): Promise<WaitingPayments> {
  const open = await pool.query<{ reason: WaitingReason; payments: number; seconds: number }>(OPEN);
  const late = await pool.query<{ versions: number; seconds: number }>(UNPUBLISHED);
  const counts = Object.fromEntries(WAITING_REASONS.map((reason) => [reason, 0])) as Record<
    WaitingReason,
    number
  >;
  let oldestSeconds = 0;
  for (const { reason, payments, seconds } of open.rows) {
    counts[reason] = payments;
    const isAttended = reason === 'dead_letter' || reason === 'requires_action';
    if (!isAttended) oldestSeconds = Math.max(oldestSeconds, seconds);
  }
  const { versions, seconds } = late.rows[0]!;
  return { counts, oldestSeconds, unpublished: versions, oldestUnpublishedSeconds: seconds };
}
