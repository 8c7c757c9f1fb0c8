/**
 * Finds the payment of a webhook: by merchant and checkout id, else by the provider's reference.
 */
import type pg from 'pg';
import type { PaymentStatusName } from '../../engine/domain/payment.js';
import type { PartState } from '../payment/partial-amounts.js';

export interface WebhookQuestion {
  /** provider/event id */
  readonly key: string;
  readonly provider: string;
  readonly merchant: string | null;
  readonly checkout_id: string | null;
  readonly reference: string;
  /** The kind of the claim, where it is about refunds or disputes. */
  readonly part_kind: 'refunded' | 'disputed' | null;
  readonly part_id: string | null;
}

export interface FoundPayment {
  readonly merchant: string;
  readonly checkout_id: string;
  readonly version: number;
  readonly status: PaymentStatusName;
  readonly provider: string;
  readonly provider_reference: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly refunded_amount: number;
  readonly disputed_amount: number;
  readonly was_never_sent: boolean;
  readonly attempt: number;
  /** The charge that the webhook names is a confirmed capture after the end. */
  readonly is_late_capture: boolean;
  /** Of the kind in question, minor units. */
  readonly parts_taken: number;
  readonly parts_void: number;
  readonly part_state: PartState | null;
  readonly part_amount: number | null;
}

const IS_LATE = `exists (select from late_captures l
    where l.provider = i.provider and l.reference = i.reference
      and l.state in ('confirmed', 'reversing', 'reversed')) as is_late_capture`;

const FIND = {
  name: 'find-webhook-payments',
  text: `
with input as (select * from json_to_recordset($1) as
  input(key text, provider text, merchant text, checkout_id text, reference text, part_kind text,
    part_id text)),
found as (
  select i.key, i.part_kind, i.part_id, ${IS_LATE}, p.* from input i join payments p
    on p.merchant = i.merchant and p.checkout_id = i.checkout_id
  union all
  select i.key, i.part_kind, i.part_id, ${IS_LATE}, p.* from input i join payments p
    on p.provider = i.provider and p.provider_reference = i.reference
  where i.merchant is null)
select key, f.merchant, f.checkout_id, version, f.status, f.provider, provider_reference, f.amount,
  currency, refunded_amount, disputed_amount, first_sent_at is null as was_never_sent, attempt,
  is_late_capture, coalesce(t.taken, 0) as parts_taken, coalesce(t.gone, 0) as parts_void,
  t.state as part_state, t.amount as part_amount
from found f left join lateral (
  select (sum(amount) filter (where state <> 'noted'))::bigint as taken,
    (sum(amount) filter (where state = 'void'))::bigint as gone,
    max(state) filter (where part_id = f.part_id) as state,
    max(amount) filter (where part_id = f.part_id) as amount
  from payment_parts t where t.merchant = f.merchant and t.checkout_id = f.checkout_id
    and t.provider = f.provider and t.kind = f.part_kind) t on f.part_kind is not null`,
};

/** @returns for each question the payment, or undefined */
export async function findPayments(
  pool: Pick<pg.ClientBase, 'query'>,
  questions: readonly WebhookQuestion[],
): Promise<(FoundPayment | undefined)[]> {
  const { rows } = await pool.query<FoundPayment & { key: string }>({
    ...FIND,
    values: [JSON.stringify(questions)],
  });
  const found = new Map(rows.map((row) => [row.key, row]));
  return questions.map((question) => found.get(question.key));
}
