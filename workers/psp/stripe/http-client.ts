/**
 * Stripe's library over our egress. The library by itself tries a cut connection again even
 * with `maxNetworkRetries: 0`, and takes an error status without an error in the body for a
 * success: here a fault has a code of our own, which it does not retry, and every answer
 * that is neither an object nor an error of Stripe becomes an error of the type `foreign`.
 */
import { Stripe } from 'stripe';
import type { Egress, EgressAnswer, EgressRequest } from '../egress.js';
import { isStripeError } from './meaning.js';

/** The type of an error that Stripe did not write. */
const FOREIGN = 'foreign';

type Headers = Record<string, string | number | string[]>;

export class EgressHttpClient extends Stripe.HttpClient {
  readonly #egress: Egress;

  constructor(egress: Egress) {
    super();
    this.#egress = egress;
  }

  override getClientName(): string {
    return 'tollgate';
  }

  /** The egress knows the host, and keeps the time. */
  override async makeRequest(
    _host: string,
    _port: string,
    path: string,
    method: string,
    headers: Headers,
    body: string,
  ): Promise<EgressResponse> {
    const answer = await this.#egress.send({
      method: method as EgressRequest['method'],
      path,
      headers: flat(headers),
      body: method === 'POST' ? body : null,
    });
    return new EgressResponse(answer);
  }
}

class EgressResponse extends Stripe.HttpClientResponse {
  readonly #answer: EgressAnswer;

  constructor(answer: EgressAnswer) {
    super(answer.httpStatus, answer.headers);
    this.#answer = answer;
  }

  override getRawResponse(): object {
    return {};
  }

  override async toJSON(): Promise<object> {
    const { httpStatus, text } = this.#answer;
    const body = parse(text);
    if (body !== undefined && (isStripeError(body.error) || (isSuccess(httpStatus) && !body.error)))
      return body;
    return { error: { type: FOREIGN, message: `HTTP ${httpStatus}, not written by Stripe` } };
  }
}

function isSuccess(httpStatus: number): boolean {
  return httpStatus >= 200 && httpStatus < 300;
}

function parse(text: string): { error?: unknown } | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Without the length, which the egress counts. */
function flat(headers: Headers): Record<string, string> {
  const pairs = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length');
  return Object.fromEntries(pairs.map(([name, pair]) => [name, [pair].flat().join(', ')]));
}
