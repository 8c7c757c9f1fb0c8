/** The PSP simulator behind the port: JSON over HTTP, bounded answers, every time-out set. */
import { Pool } from 'undici';
import type { ChargeRequest, Psp, PspAnswer } from '../port.js';

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

interface Charge {
  readonly reference: string;
  readonly status: string;
  readonly failure_code?: string | null;
  readonly next_action?: unknown;
}

export class SimulatorPsp implements Psp {
  readonly name = 'simulator';
  readonly keyWindowMs = 86_400_000;
  readonly findLagMs = 0;
  readonly replaysErrors = false;
  readonly #pool: Pool;
  readonly #timeoutMs: number;

  constructor(url: string, timeoutMs: number) {
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
    const body = JSON.stringify({
      merchant: request.merchant,
      checkout_id: request.checkoutId,
      amount: request.amountMinor,
      currency: request.currency,
      payment_method: request.paymentMethod,
    });
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': request.idempotencyKey,
    };
    return this.#call('POST', '/v1/charges', headers, body);
  }

  find(request: ChargeRequest): Promise<PspAnswer> {
    const path = `/v1/charges/${encodeURIComponent(request.idempotencyKey)}`;
    return this.#call('GET', path, {}, null);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #call(
    method: 'GET' | 'POST',
    path: string,
    headers: Record<string, string>,
    body: string | null,
  ): Promise<PspAnswer> {
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const answer = await this.#pool.request({ method, path, headers, body, signal });
      return answerOf(answer.statusCode, parse(await answer.body.text()));
    } catch (error) {
      const { code, name, message } = error as Error & { code?: string };
      const outcome = NOT_SENT.has(code ?? '') ? 'not_sent' : 'unknown';
      const response = { error: code ?? name, message: message.slice(0, 200) };
      return { ...NOTHING, outcome, httpStatus: null, response };
    }
  }
}

/** The answer without what Postgres cannot hold: U+0000 and lone surrogates. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text, (_name, value) => (typeof value === 'string' ? clean(value) : value));
  } catch {
    return { text: clean(text.slice(0, 200)) };
  }
}

function clean(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

/** The provider's explicit word, or `unknown`. 401, 403, 409 and 429 say nothing of the card. */
function answerOf(httpStatus: number, response: unknown): PspAnswer {
  const it = response as { error?: { code?: string }; charge?: Charge } & Partial<Charge>;
  const charge = it.charge ?? (it.reference ? (it as Charge) : undefined);
  const known = { httpStatus, response, reference: charge?.reference ?? null };
  if (httpStatus === 429) return { ...NOTHING, ...known, outcome: 'not_sent' };
  if (httpStatus >= 500 || [401, 403, 409].includes(httpStatus))
    return { ...NOTHING, ...known, outcome: 'unknown' };
  if (httpStatus === 404)
    return { ...NOTHING, ...known, outcome: 'declined', failureCode: 'not_found' };
  if (httpStatus >= 400 || charge?.status === 'declined') {
    const failureCode = it.error?.code ?? charge?.failure_code ?? `http_${httpStatus}`;
    return { ...NOTHING, ...known, outcome: 'declined', failureCode };
  }
  if (charge?.status === 'captured' || charge?.status === 'refunded')
    return { ...NOTHING, ...known, outcome: 'approved' };
  return { ...NOTHING, ...known, outcome: 'unknown', nextAction: charge?.next_action ?? null };
}
