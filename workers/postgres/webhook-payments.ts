/** The payment that a webhook is about: by our names, else by the provider's reference. */
import type pg from 'pg';
import type { PaymentStatusName } from '../../engine/core/payment.js';

export interface WebhookQuestion {
  /** provider/event id */
  readonly key: string;
  readonly provider: string;
  readonly merchant: string | null;
  readonly checkout_id: string | null;
  readonly reference: string;
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
}

const FIND = {
  name: 'find-webhook-payments',
  text: `
with input as (select * from json_to_recordset($1) as
  input(key text, provider text, merchant text, checkout_id text, reference text)),
found as (
  select i.key, p.* from input i join payments p
    on p.merchant = i.merchant and p.checkout_id = i.checkout_id
  union all
  select i.key, p.* from input i join payments p
    on p.provider = i.provider and p.provider_reference = i.reference
  where i.merchant is null)
select key, merchant, checkout_id, version, status, provider, provider_reference, amount, currency,
  refunded_amount, disputed_amount, first_sent_at is null as was_never_sent, attempt from found`,
};

/** @returns for each question the payment, or undefined */
export async function findPayments(
  pool: pg.Pool,
  questions: readonly WebhookQuestion[],
): Promise<(FoundPayment | undefined)[]> {
  const { rows } = await pool.query<FoundPayment & { key: string }>({
    ...FIND,
    values: [JSON.stringify(questions)],
  });
  const found = new Map(rows.map((it) => [it.key, it]));
  return questions.map((it) => found.get(it.key));
}
