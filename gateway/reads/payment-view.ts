/** The JSON representation of a payment for clients, built from the stored records. */
import { checkoutAccepted, type PaymentStatus, paymentStatus } from '../../engine/codec/records.js';
import { EngineError } from '../../engine/util/errors.js';
import type { AcceptedPayment, Payment } from '../http/schemas.js';
import { iso } from '../http/time.js';

type Accepted = Pick<
  ReturnType<typeof checkoutAccepted.decode>,
  'checkout_id' | 'amount' | 'currency' | 'payment_method' | 'provider'
>;

/**
 * The 202's body: a function of what was accepted alone, so that a replay has the same bytes.
 * Put together by hand: none of the texts can hold what JSON escapes, as the request's patterns
 * allow letters, digits, `_` and `-` only.
 */
export function acceptedBody(record: Accepted, acceptedAtMs: number): string {
  return `{"object":"payment","payment_checkout_id":"${record.checkout_id}","status":"pending","amount":${record.amount},"currency":"${record.currency}","payment_method":"${record.payment_method}","provider":"${record.provider}","created_at":"${iso(acceptedAtMs)}"}`;
}

/**
 * The current state of a payment.
 * @param checkout the stored CheckoutAccepted
 * @param status the stored PaymentStatus; absent means pending
 * @throws EngineError `undecodable` when a stored row cannot be shown
 */
export function paymentView(
  checkout: Buffer,
  status: Buffer | undefined,
): { payment: Payment; version: number } {
  try {
    return viewOf(checkout, status);
  } catch (cause) {
    throw new EngineError('undecodable', `the stored payment cannot be shown: ${cause}`, { cause });
  }
}

function viewOf(
  checkout: Buffer,
  status: Buffer | undefined,
): { payment: Payment; version: number } {
  const record = checkoutAccepted.decode(checkout);
  const accepted = acceptedPayment(record, record.accepted_at);
  const pending = { status: 'pending' as const, at: accepted.created_at, reason: 'accepted' };
  if (status === undefined) {
    const payment = {
      ...accepted,
      provider_reference: null,
      updated_at: accepted.created_at,
      refunded_amount: 0,
      history: [pending],
    };
    return { payment, version: 0 };
  }
  const current = paymentStatus.decode(status);
  return { payment: withStatus(accepted, pending, current), version: current.version };
}

function withStatus(
  accepted: AcceptedPayment,
  pending: Payment['history'][number],
  current: PaymentStatus,
): Payment {
  return {
    ...accepted,
    status: current.status,
    provider: current.provider,
    provider_reference: current.provider_reference,
    ...(current.failure_code === null ? {} : { failure_code: current.failure_code }),
    updated_at: iso(current.updated_at),
    refunded_amount: current.refunded_amount,
    ...(current.disputed_amount === 0 ? {} : { disputed_amount: current.disputed_amount }),
    ...(current.next_action === null ? {} : { next_action: JSON.parse(current.next_action) }),
    history: [
      pending,
      ...current.history.map((entry) => ({
        status: entry.status,
        at: iso(entry.at),
        reason: entry.reason,
      })),
    ],
  };
}

function acceptedPayment(record: Accepted, acceptedAtMs: number): AcceptedPayment {
  return {
    object: 'payment',
    payment_checkout_id: record.checkout_id,
    status: 'pending',
    amount: record.amount,
    currency: record.currency,
    payment_method: record.payment_method,
    provider: record.provider,
    created_at: iso(acceptedAtMs),
  };
}
