/** The PSP simulator, or whoever speaks its API, behind the port: JSON over HTTP. */
import { Egress, type EgressRequest, type EgressSettings } from '../egress.js';
import { answerOfFault } from '../evidence.js';
import type {
  ChargeRequest,
  FindRequest,
  FollowUpRequest,
  Psp,
  PspAnswer,
  PspTraits,
} from '../port.js';
import { answerOf, type Operation } from './answers.js';

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
    return this.#post('charge', '/v1/charges', request.idempotencyKey, {
      merchant: request.merchant,
      checkout_id: request.checkoutId,
      amount: request.amountMinor,
      currency: request.currency,
      payment_method: request.paymentMethod,
    });
  }

  find(request: FindRequest): Promise<PspAnswer> {
    const { operation, reference, idempotencyKey } = request;
    const path =
      operation === 'charge'
        ? `/v1/charges/${encodeURIComponent(reference ?? idempotencyKey)}`
        : `/v1/refunds/${encodeURIComponent(idempotencyKey)}`;
    return this.#call('find', { method: 'GET', path, headers: {}, body: null });
  }

  cancel(request: FollowUpRequest): Promise<PspAnswer> {
    const path = `/v1/charges/${encodeURIComponent(request.reference)}/cancel`;
    return this.#post('cancel', path, request.idempotencyKey, {});
  }

  capture(request: FollowUpRequest): Promise<PspAnswer> {
    const path = `/v1/charges/${encodeURIComponent(request.reference)}/capture`;
    return this.#post('capture', path, request.idempotencyKey, {});
  }

  refund(request: FollowUpRequest): Promise<PspAnswer> {
    const { reference, amountMinor, idempotencyKey } = request;
    return this.#post('refund', '/v1/refunds', idempotencyKey, { reference, amount: amountMinor });
  }

  close(): Promise<void> {
    return this.#egress.close();
  }

  #post(operation: Operation, path: string, key: string, body: object): Promise<PspAnswer> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    return this.#call(operation, { method: 'POST', path, headers, body: JSON.stringify(body) });
  }

  async #call(operation: Operation, request: EgressRequest): Promise<PspAnswer> {
    try {
      return answerOf(operation, await this.#egress.send(request));
    } catch (error) {
      return answerOfFault(error);
    }
  }
}
