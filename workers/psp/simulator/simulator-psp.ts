/** The provider `simulator`, and any service with the same API: JSON over HTTP. */
import { Egress, type EgressRequest, type EgressSettings } from '../egress.js';
import type {
  ChargeRequest,
  FindRequest,
  FollowUpRequest,
  Psp,
  PspAnswer,
  PspRequest,
  PspTraits,
} from '../port.js';
import { aboutPayment, answerOfFault } from '../sanitize.js';
import { answerOf } from './answers.js';
import type { Operation } from './meaning.js';

/** What it states of itself while nobody has made it unkind. */
const KIND: PspTraits = { keyWindowMs: 86_400_000, findLagMs: 0, replaysErrors: false };

export class SimulatorPsp implements Psp {
  readonly name: string;
  readonly keyWindowMs: number;
  readonly findLagMs: number;
  readonly replaysErrors: boolean;
  readonly #egress: Egress;

  constructor(name: string, url: string, settings: EgressSettings, traits = KIND) {
    this.name = name;
    this.keyWindowMs = traits.keyWindowMs;
    this.findLagMs = traits.findLagMs;
    this.replaysErrors = traits.replaysErrors;
    this.#egress = new Egress(url, settings);
  }

  charge(request: ChargeRequest): Promise<PspAnswer> {
    return this.#post('charge', request, null, '/v1/charges', {
      merchant: request.merchant,
      checkout_id: request.checkoutId,
      amount: request.amountMinor,
      currency: request.currency,
      payment_method: request.paymentMethod,
    });
  }

  find(request: FindRequest): Promise<PspAnswer> {
    const { operation, reference, idempotencyKey } = request;
    const isCharge = operation === 'charge';
    const asked = isCharge ? (reference ?? idempotencyKey) : idempotencyKey;
    const path = `/v1/${isCharge ? 'charges' : 'refunds'}/${encodeURIComponent(asked)}`;
    return this.#call('find', request, asked, { method: 'GET', path, headers: {}, body: null });
  }

  cancel(request: FollowUpRequest): Promise<PspAnswer> {
    const path = `/v1/charges/${encodeURIComponent(request.reference)}/cancel`;
    return this.#post('cancel', request, request.reference, path, {});
  }

  capture(request: FollowUpRequest): Promise<PspAnswer> {
    const path = `/v1/charges/${encodeURIComponent(request.reference)}/capture`;
    return this.#post('capture', request, request.reference, path, {});
  }

  refund(request: FollowUpRequest): Promise<PspAnswer> {
    const { reference, amountMinor } = request;
    const body = { reference, amount: amountMinor };
    return this.#post('refund', request, reference, '/v1/refunds', body);
  }

  close(): Promise<void> {
    return this.#egress.close();
  }

  #post(
    operation: Operation,
    request: PspRequest,
    asked: string | null,
    path: string,
    body: object,
  ): Promise<PspAnswer> {
    const key = request.idempotencyKey;
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const call: EgressRequest = { method: 'POST', path, headers, body: JSON.stringify(body) };
    return this.#call(operation, request, asked, call);
  }

  /** @param asked what the path or body names at the provider; null for a charge */
  async #call(
    operation: Operation,
    request: PspRequest,
    asked: string | null,
    call: EgressRequest,
  ): Promise<PspAnswer> {
    try {
      const answer = answerOf(operation, asked, await this.#egress.send(call));
      return aboutPayment(answer, request);
    } catch (error) {
      return answerOfFault(error);
    }
  }
}
