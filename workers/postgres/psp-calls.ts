/** Records a call to a provider outside a payment's normal flow. */
import type pg from 'pg';

export interface PspCallRow {
  /** A ULID. */
  readonly call_id: string;
  readonly merchant: string;
  readonly checkout_id: string;
  readonly provider: string;
  readonly operation: string;
  readonly attempt: number;
  readonly idempotency_key: string;
  readonly request: object;
  readonly response: unknown;
  readonly http_status: number | null;
  readonly outcome: string;
}

const INSERT = `
insert into psp_calls (call_id, merchant, checkout_id, provider, operation, attempt,
  idempotency_key, request, response, http_status, outcome)
select call_id, merchant, checkout_id, provider, operation, attempt, idempotency_key, request,
  response, http_status, outcome
from json_to_record($1) as i(call_id text, merchant text, checkout_id text, provider text,
  operation text, attempt int, idempotency_key text, request jsonb, response jsonb,
  http_status int, outcome text)
on conflict do nothing`;

export async function recordCall(pool: pg.Pool, row: PspCallRow): Promise<void> {
  await pool.query(INSERT, [JSON.stringify(row)]);
}
