/**
 * What a payment service provider is to us. A provider is one folder behind this port.
 *
 * No answer, or a 5xx after bytes were sent, is `unknown`, never a failure: only the
 * provider's explicit word is final.
 */
export type Outcome = 'approved' | 'declined' | 'unknown' | 'not_sent';

export interface ChargeRequest {
  readonly merchant: string;
  readonly checkoutId: string;
  /** The same for every try of one attempt, whoever makes it. */
  readonly idempotencyKey: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly paymentMethod: string;
}

export interface PspAnswer {
  readonly outcome: Outcome;
  readonly reference: string | null;
  /** Set when declined. */
  readonly failureCode: string | null;
  /** Set while the payer has something to do; the outcome is then `unknown`. */
  readonly nextAction: unknown;
  /** The provider's Retry-After, milliseconds; null where it named none. */
  readonly retryAfterMs: number | null;
  readonly httpStatus: number | null;
  /** What was said, or the error: for `psp_calls`, without secrets and card data. */
  readonly response: unknown;
}

export interface Psp {
  readonly name: string;
  /** How long the provider answers the same key with the same charge. */
  readonly keyWindowMs: number;
  /** How long after a charge `find` may still not see it. */
  readonly findLagMs: number;
  /** The same key gets its first answer again even when that was an error: it proves nothing then. */
  readonly replaysErrors: boolean;
  charge(request: ChargeRequest): Promise<PspAnswer>;
  /** By our idempotency key; `declined` with `not_found` when the provider has none. */
  find(request: ChargeRequest): Promise<PspAnswer>;
  close(): Promise<void>;
}

/** The key at the provider: a function of the payment and the attempt only. */
export function chargeKey(merchant: string, checkoutId: string, attempt: number): string {
  return `${merchant}/${checkoutId}/charge/${attempt}`;
}
