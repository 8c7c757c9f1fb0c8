/**
 * Stripe behind the port: PaymentIntents, created and confirmed in one call, through its
 * official library. Nothing is tried twice here, and nothing is told to Stripe but the call.
 */
import { Stripe } from 'stripe';
import { Egress, type EgressSettings } from '../egress.js';
import type {
  ChargeRequest,
  FindRequest,
  FollowUpRequest,
  Psp,
  PspAnswer,
  PspRequest,
} from '../port.js';
import { aboutPayment, NOTHING } from '../sanitize.js';
import { stripeAmount } from './amounts.js';
import {
  answerOfError,
  answerOfIntent,
  answerOfRefund,
  notFound,
  objectsOf,
  strange,
} from './answers.js';
import { EgressHttpClient } from './http-client.js';
import type { Operation } from './meaning.js';

export interface StripeSettings extends EgressSettings {
  readonly stripeUrl: string;
  /** Where the payer comes back to after an action; empty: the client uses Stripe's own library. */
  readonly stripeReturnUrl: string;
}

const PAGE_MAX = 100;
/** Of the search by metadata: usually under a minute, "up to an hour" in an outage of theirs. */
const SEARCH_LAG_MS = 3_600_000;

export class StripePsp implements Psp {
  readonly name = 'stripe';
  readonly keyWindowMs = 86_400_000;
  readonly findLagMs = SEARCH_LAG_MS;
  readonly replaysErrors = true;
  readonly #egress: Egress;
  readonly #stripe: Stripe;
  readonly #returnUrl: string;

  constructor(apiKey: string, settings: StripeSettings) {
    const { hostname, port, protocol } = new URL(settings.stripeUrl);
    this.#returnUrl = settings.stripeReturnUrl;
    this.#egress = new Egress(settings.stripeUrl, settings);
    this.#stripe = new Stripe(apiKey, {
      httpClient: new EgressHttpClient(this.#egress),
      host: hostname,
      port: port || '443',
      protocol: protocol === 'http:' ? 'http' : 'https',
      timeout: settings.pspTimeoutMs,
      maxNetworkRetries: 0,
      telemetry: false,
    });
  }

  charge(request: ChargeRequest): Promise<PspAnswer> {
    return this.#withAmount(request, 'charge', async (amount) => {
      const intent = await this.#stripe.paymentIntents.create(
        {
          amount,
          currency: request.currency.toLowerCase(),
          payment_method: request.paymentMethod,
          allowed_payment_method_types: ['card'],
          confirm: true,
          ...(this.#returnUrl ? { return_url: this.#returnUrl } : {}),
          metadata: metadataOf(request),
        },
        keyOf(request),
      );
      return answerOfIntent('charge', intent);
    });
  }

  /** By reference at once; by key through the search, which lags. */
  find(request: FindRequest): Promise<PspAnswer> {
    const { operation, reference } = request;
    return this.#try('find', request, async () => {
      if (operation === 'refund') return this.#findRefund(request);
      if (reference !== null) return this.#retrieve('find', reference);
      const key = request.idempotencyKey.replaceAll(/["'\\]/g, '\\$&');
      const query = `metadata["tollgate_key"]:"${key}"`;
      const page = await this.#stripe.paymentIntents.search({ query, limit: PAGE_MAX });
      const intents = objectsOf(page, 'payment_intent');
      if (!intents) return strange(page);
      const intent =
        intents.find((paymentIntent) => paymentIntent.status === 'succeeded') ?? intents[0];
      return intent ? answerOfIntent('find', intent) : notFound({ query });
    });
  }

  cancel(request: FollowUpRequest): Promise<PspAnswer> {
    return this.#settle('cancel', request);
  }

  capture(request: FollowUpRequest): Promise<PspAnswer> {
    return this.#settle('capture', request);
  }

  refund(request: FollowUpRequest): Promise<PspAnswer> {
    return this.#withAmount(request, 'refund', async (amount) => {
      const refund = await this.#stripe.refunds.create(
        { payment_intent: request.reference, amount, metadata: metadataOf(request) },
        keyOf(request),
      );
      return answerOfRefund(refund);
    });
  }

  close(): Promise<void> {
    return this.#egress.close();
  }

  /** A refusal does not say whether it was done before: the intent does. */
  #settle(operation: 'cancel' | 'capture', request: FollowUpRequest): Promise<PspAnswer> {
    const { reference } = request;
    return this.#try(operation, request, async () => {
      try {
        const intent = await this.#stripe.paymentIntents[operation](reference, {}, keyOf(request));
        return answerOfIntent(operation, intent);
      } catch (error) {
        const refusal = answerOfError(operation, error);
        if (refusal.httpStatus !== 400 || refusal.outcome !== 'declined') throw error;
        return this.#retrieve(operation, reference);
      }
    });
  }

  async #retrieve(operation: 'find' | 'cancel' | 'capture', reference: string): Promise<PspAnswer> {
    return answerOfIntent(operation, await this.#stripe.paymentIntents.retrieve(reference));
  }

  async #findRefund({ reference, idempotencyKey }: FindRequest): Promise<PspAnswer> {
    if (reference === null)
      return { ...NOTHING, outcome: 'unknown', problem: 'provider_error', response: null };
    const query = { payment_intent: reference, limit: PAGE_MAX };
    const page = await this.#stripe.refunds.list(query);
    const refunds = objectsOf(page, 'refund');
    const refund = refunds?.find((entry) => entry.metadata?.['tollgate_key'] === idempotencyKey);
    if (refund) return answerOfRefund(refund);
    return refunds && !page.has_more ? notFound(query) : strange(page);
  }

  #withAmount(
    request: PspRequest,
    operation: Operation,
    call: (amount: number) => Promise<PspAnswer>,
  ): Promise<PspAnswer> {
    const amount = stripeAmount(request.amountMinor, request.currency);
    if (amount !== undefined) return this.#try(operation, request, () => call(amount));
    const failureCode = 'amount_not_supported';
    return Promise.resolve({ ...NOTHING, outcome: 'declined', failureCode, response: null });
  }

  async #try(
    operation: Operation,
    request: PspRequest,
    call: () => Promise<PspAnswer>,
  ): Promise<PspAnswer> {
    try {
      return aboutPayment(await call(), request);
    } catch (error) {
      return answerOfError(operation, error);
    }
  }
}

function keyOf(request: PspRequest): { idempotencyKey: string } {
  return { idempotencyKey: request.idempotencyKey };
}

function metadataOf({ merchant, checkoutId, idempotencyKey }: PspRequest) {
  return { merchant, checkout_id: checkoutId, tollgate_key: idempotencyKey };
}
