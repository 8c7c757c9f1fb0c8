/**
 * The interface of a payment service provider. One provider is one folder behind this interface,
 * and contract.test.ts checks every provider against it.
 *
 * No answer, or a 5xx after bytes were sent, is `unknown`, never a failure: only the provider's
 * explicit answer is final. No method throws.
 */
import { createHash } from 'node:crypto';

/** `not_sent`: surely not taken; the same request may go out again, here or elsewhere. */
export type Outcome = 'approved' | 'declined' | 'unknown' | 'not_sent';

/** What every request names. */
export interface PspRequest {
  readonly merchant: string;
  readonly checkoutId: string;
  /** The same for every try of one operation, whoever makes it: see `chargeKey`, `commandKey`. */
  readonly idempotencyKey: string;
  readonly amountMinor: number;
  readonly currency: string;
}

export interface ChargeRequest extends PspRequest {
  readonly paymentMethod: string;
}

/** Cancel, capture (of the whole charge) and refund (of `amountMinor`). */
export interface FollowUpRequest extends PspRequest {
  /** The provider's name of the charge. */
  readonly reference: string;
}

export interface FindRequest extends PspRequest {
  /** What the key belongs to. A cancel or a capture shows in its charge. */
  readonly operation: 'charge' | 'refund';
  /** The charge's, when it is known; else the provider is searched by our key. */
  readonly reference: string | null;
}

/**
 * Why an answer is not the provider's word about the operation; each is a reason of retries
 * and dead letters.
 * - `foreign_answer`: not written by the provider: a proxy's page, another payment's object;
 * - `key_conflict`: the key came before with other parameters, so sending it again is useless;
 * - `key_in_use`: a request with this key is under way.
 */
export type Problem =
  | 'no_answer'
  | 'foreign_answer'
  | 'provider_error'
  | 'provider_refuses_us'
  | 'provider_unavailable'
  | 'rate_limited'
  | 'key_in_use'
  | 'key_conflict';

/**
 * Codes that mean the same at every provider:
 * - `not_found`: the provider has no such charge (after `findLagMs`), or no such refund;
 * - `canceled`: the charge is canceled, so it never will be captured;
 * - `already_captured`: too late to cancel: refund instead;
 * - `not_capturable`: declined or canceled before;
 * - `refund_exceeds_charge`.
 */
export interface PspAnswer {
  readonly outcome: Outcome;
  /** null when the provider has spoken: the outcome `unknown` then means that it is not done. */
  readonly problem: Problem | null;
  /** What the provider says the operation is about; null where it does not say. */
  readonly amountMinor: number | null;
  readonly currency: string | null;
  /** `merchant/checkoutId` as the provider has it; null where it does not say. */
  readonly payment: string | null;
  /** Of the charge; of the refund, for a refund. */
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

/** What a provider states of itself: the rules for unknown outcomes follow it. */
export interface PspTraits {
  /** How long the provider answers the same key with the same charge. */
  readonly keyWindowMs: number;
  /** How long after a charge `find` may still not see it. */
  readonly findLagMs: number;
  /** The same key gets its first answer again even when that was an error: it proves nothing then. */
  readonly replaysErrors: boolean;
}

export interface Psp extends PspTraits {
  readonly name: string;
  charge(request: ChargeRequest): Promise<PspAnswer>;
  /** What became of an operation; `declined` with `not_found` when the provider has none. */
  find(request: FindRequest): Promise<PspAnswer>;
  /** Ends a charge that is not captured yet. Canceling again is approved again. */
  cancel(request: FollowUpRequest): Promise<PspAnswer>;
  /** Takes the money of an authorized charge. Capturing again is approved again. */
  capture(request: FollowUpRequest): Promise<PspAnswer>;
  refund(request: FollowUpRequest): Promise<PspAnswer>;
  close(): Promise<void>;
}

/** Longer command keys are hashed: providers take 255 characters in all. */
const COMMAND_KEY_CHARS_MAX = 64;

/** The key at the provider: a function of the payment and the attempt only. */
export function chargeKey(merchant: string, checkoutId: string, attempt: number): string {
  return `${merchant}/${checkoutId}/charge/${attempt}`;
}

/** The key of a command on a charge: `key` is the client's Idempotency-Key, or the event's. */
export function commandKey(
  merchant: string,
  checkoutId: string,
  operation: 'cancel' | 'capture' | 'refund',
  key: string,
): string {
  const isPlain = key.length <= COMMAND_KEY_CHARS_MAX && /^[\w.-]+$/.test(key);
  const suffix = isPlain ? key : createHash('sha256').update(key).digest('hex');
  return `${merchant}/${checkoutId}/${operation}/${suffix}`;
}
