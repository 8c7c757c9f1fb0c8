/** One request at a time to the public API, as the merchant of some credentials. */
import { Agent, request } from 'undici';
import { type Credentials, proofHeaders } from './credentials.js';

const ANSWER_MS_MAX = 30_000;

export interface ApiOptions extends Credentials {
  readonly url: string;
  /** PEM of who signed the API's certificate, where that is no public authority. */
  readonly ca?: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
  /** What Retry-After says; 0 without one. */
  readonly retryAfterMs: number;
}

export class ApiClient {
  readonly #options: ApiOptions;
  readonly #agent: Agent;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#agent = new Agent(options.ca === undefined ? {} : { connect: { ca: options.ca } });
  }

  post(id: string, body: object): Promise<ApiAnswer> {
    const headers = { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' };
    return this.#send('POST', '/payments', id, JSON.stringify(body), headers, 0);
  }

  /** @param waitSeconds answers as soon as the status changes, at the latest after so long */
  get(id: string, waitSeconds = 0): Promise<ApiAnswer> {
    const headers: Record<string, string> =
      waitSeconds > 0 ? { Prefer: `wait=${waitSeconds}` } : {};
    const path = `/payments/${encodeURIComponent(id)}`;
    return this.#send('GET', path, id, '', headers, waitSeconds * 1_000);
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    id: string,
    body: string,
    headers: Record<string, string>,
    waitMs: number,
  ): Promise<ApiAnswer> {
    const proof = proofHeaders(this.#options, { method, path, id, body });
    const answer = await request(`${this.#options.url}${path}`, {
      method,
      headers: { ...headers, ...proof },
      body: body === '' ? null : body,
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(ANSWER_MS_MAX + waitMs),
    });
    const retryAfterMs = 1_000 * (Number(answer.headers['retry-after']) || 0);
    return { status: answer.statusCode, body: await answer.body.text(), retryAfterMs };
  }
}
