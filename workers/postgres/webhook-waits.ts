/**
 * Webhooks that wait in Postgres for an earlier event. A claim moves the due time, so that no two
 * processes handle one webhook at once, and an abandoned claim becomes due again.
 */
import type pg from 'pg';

export interface WaitingWebhook {
  readonly provider: string;
  readonly eventId: string;
  /** The key in Kafka: the payment's, or the row's own. */
  readonly key: string;
  readonly record: Buffer;
  readonly partition: number;
  readonly offset: number;
  /** With this one. */
  readonly tries: number;
}

const CLAIM = {
  name: 'claim-webhooks',
  text: `
with due as (
  select provider, event_id from webhook_events
  where next_try_at <= now() order by next_try_at limit $1 for update skip locked)
update webhook_events e set
  tries = e.tries + 1, next_try_at = now() + $2 * interval '1 ms'
from due where e.provider = due.provider and e.event_id = due.event_id
returning e.provider, e.event_id as "eventId",
  coalesce(e.merchant || '/' || e.checkout_id, e.provider || '/' || e.event_id) as key,
  e.record, e.source_partition as partition, e.source_offset as offset, e.tries`,
};

export async function claimWebhooks(
  pool: pg.Pool,
  rowsMax: number,
  leaseMs: number,
): Promise<WaitingWebhook[]> {
  return (await pool.query<WaitingWebhook>({ ...CLAIM, values: [rowsMax, leaseMs] })).rows;
}

/** Its dead letter is delivered: it waits no longer. */
export async function endWait(
  pool: pg.Pool,
  webhook: WaitingWebhook,
  reason: string,
): Promise<void> {
  await pool.query(
    `update webhook_events set state = 'dead', reason = $3, record = null, next_try_at = null,
      judged_at = now() where provider = $1 and event_id = $2 and state = 'waiting'`,
    [webhook.provider, webhook.eventId, reason],
  );
}
