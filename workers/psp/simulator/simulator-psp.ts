/** The PSP simulator behind the port: JSON over HTTP, bounded answers, every time-out set. */
import { Pool } from 'undici';
import type { ChargeRequest, FindRequest, FollowUpRequest, Psp, PspAnswer } from '../port.js';
import { answerOf, type Operation, parse } from './answers.js';

const CONNECTIONS_MAX = 256;
const CONNECT_MS_MAX = 2_000;
const ANSWER_BYTES_MAX = 64 * 1024;
/** Errors of undici that come before a byte of the request was sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);
const NOTHING = {
  reference: null,
  failureCode: null,
  nextAction: null,
  retryAfterMs: null,
} as const;

export class SimulatorPsp implements Psp {
  readonly name: string;
  readonly keyWindowMs = 86_400_000;
  readonly findLagMs = 0;
  readonly replaysErrors = false;
  readonly #pool: Pool;
  readonly #timeoutMs: number;

  constructor(name: string, url: string, timeoutMs: number) {
    this.name = name;
    this.#timeoutMs = timeoutMs;
    this.#pool = new Pool(url, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      connect: { timeout: CONNECT_MS_MAX },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: ANSWER_BYTES_MAX,
    });
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
    return this.#call('find', 'GET', path, {}, null);
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
    const { reference, amountMinor } = request;
    return this.#post('refund', '/v1/refunds', request.idempotencyKey, {
      reference,
      amount: amountMinor,
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #post(operation: Operation, path: string, key: string, body: object): Promise<PspAnswer> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    return this.#call(operation, 'POST', path, headers, JSON.stringify(body));
  }

  async #call(
    operation: Operation,
    method: 'GET' | 'POST',
    path: string,
    headers: Record<string, string>,
    body: string | null,
  ): Promise<PspAnswer> {
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const answer = await this.#pool.request({ method, path, headers, body, signal });
      return answerOf(operation, answer.statusCode, parse(await answer.body.text()));
    } catch (error) {
      const { code, name, message } = error as Error & { code?: string };
      const outcome = NOT_SENT.has(code ?? '') ? 'not_sent' : 'unknown';
      const response = { error: code ?? name, message: message.slice(0, 200) };
      return { ...NOTHING, outcome, httpStatus: null, response };
    }
  }
}
