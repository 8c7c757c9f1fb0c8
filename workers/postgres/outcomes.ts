/**
 * Records a provider's answer in one transaction: the payment (compare-and-set on its version),
 * its event, the call, and two ledger entries. A version above `published_version` is picked up by
 * the outbox.
 */
import type pg from 'pg';

export interface OutcomeRow {
  /** merchant/checkoutId */
  readonly key: string;
  readonly merchant: string;
  readonly checkout_id: string;
  /** The version that was judged; another one in the table means that somebody was faster. */
  readonly version: number;
  /** The claim under which it was judged. */
  readonly asks: number;
  /** null: the status stays, and the provider is asked again. */
  readonly status: string | null;
  readonly reason: string | null;
  readonly source: string;
  readonly provider: string;
  readonly provider_reference: string | null;
  readonly failure_code: string | null;
  readonly next_action: unknown;
  /** null once the status is terminal. */
  readonly ask_after_ms: number | null;
  /** Nobody had taken the charge before, and this answer proves that nobody has. */
  readonly never_sent: boolean;
  /** Counts towards the tries after which it becomes a dead letter. */
  readonly is_failure: boolean;
  /** It was not called: it takes no calls now. */
  readonly is_waiting: boolean;
  /** The provider may have replayed an error: from now on this attempt is only looked for. */
  readonly find_only: boolean;
  /** Should the status become requires_action: how long the payer has. */
  readonly action_expires_ms: number;
  /** A ULID; null when no call was made. */
  readonly call_id: string | null;
  readonly operation: string;
  readonly attempt: number;
  readonly idempotency_key: string;
  readonly request: unknown;
  readonly response: unknown;
  readonly http_status: number | null;
  readonly outcome: string | null;
}

const RECORD = {
  name: 'record-outcomes',
  text: `
with input as (select * from json_to_recordset($1) as input(
  merchant text, checkout_id text, version int, asks int, status text, reason text, source text,
  provider text, provider_reference text, failure_code text, next_action jsonb, ask_after_ms int,
  never_sent boolean, is_failure boolean, is_waiting boolean,
  find_only boolean, action_expires_ms bigint, call_id text, operation text, attempt int,
  idempotency_key text, request jsonb, response jsonb, http_status int, outcome text)),
locked as (
  select p.merchant, p.checkout_id from payments p join input i using (merchant, checkout_id)
  where p.version = i.version and p.status in ('processing', 'requires_action')
    -- A provider's yes counts whoever hears it; all else only from who has the claim.
    and (i.status = 'succeeded' or p.attempt = i.attempt)
    and ((i.status is not null and not i.never_sent) or p.asks = i.asks)
  order by p.merchant, p.checkout_id for update of p),
changed as (
  update payments p set
    status = coalesce(i.status, p.status),
    provider = i.provider,
    version = p.version + case when i.status is null then 0 else 1 end,
    provider_reference = coalesce(i.provider_reference, p.provider_reference),
    failure_code = i.failure_code,
    next_action = case when i.status is null then coalesce(i.next_action, p.next_action)
      else i.next_action end,
    next_ask_at = now() + i.ask_after_ms * interval '1 ms',
    tries = p.tries + case when i.is_failure then 1 else 0 end,
    waiting_since = case when i.is_waiting then coalesce(p.waiting_since, now()) end,
    find_only = p.find_only or i.find_only,
    dead_reason = case when i.status is null then p.dead_reason end,
    action_expires_at = case when i.status = 'requires_action'
      then now() + i.action_expires_ms * interval '1 ms' else p.action_expires_at end,
    first_sent_at = case when i.never_sent then null else p.first_sent_at end,
    updated_at = now()
  from input i join locked using (merchant, checkout_id)
  where p.merchant = i.merchant and p.checkout_id = i.checkout_id
  returning p.merchant, p.checkout_id, p.version, p.status, p.provider, p.amount, p.currency,
    i.status is not null as has_moved, i.reason, i.source),
events as (
  insert into payment_events (merchant, checkout_id, version, status, reason, source)
  select merchant, checkout_id, version, status, reason, source from changed where has_moved),
entries as (
  insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
  select 'charge/' || c.merchant || '/' || c.checkout_id, c.merchant, c.checkout_id, e.account,
    c.currency, e.amount
  from changed c cross join lateral (values
    ('provider:' || c.provider, c.amount), ('merchant:' || c.merchant, -c.amount)) e(account, amount)
  where c.has_moved and c.status = 'succeeded'),
calls as (
  insert into psp_calls (call_id, merchant, checkout_id, provider, operation, attempt,
    idempotency_key, request, response, http_status, outcome)
  select call_id, merchant, checkout_id, provider, operation, attempt, idempotency_key, request,
    response, http_status, outcome
  from input i where call_id is not null
    -- A question that is answered like the last one needs no row.
    and not (operation = 'find' and exists (
      select from (
        select operation, response, http_status, outcome from psp_calls c
        where c.merchant = i.merchant and c.checkout_id = i.checkout_id
        order by call_id desc limit 1) last
      where last.operation = i.operation and last.outcome = i.outcome
        and last.http_status is not distinct from i.http_status
        and last.response is not distinct from i.response))
  on conflict do nothing)
select merchant || '/' || checkout_id as key from changed`,
};

/** One statement, so one transaction. @returns for each row whether it was applied */
export async function recordOutcomes(
  pool: pg.Pool,
  rows: readonly OutcomeRow[],
): Promise<boolean[]> {
  const { rows: changed } = await pool.query<{ key: string }>({
    ...RECORD,
    values: [JSON.stringify(rows)],
  });
  const applied = new Set(changed.map((entry) => entry.key));
  return rows.map((row) => applied.has(row.key));
}
