/**
 * The one place that calls out over HTTP: keep-alive pools with certificate checks, an
 * allow-list, bounded answers, and a time-out for the connection, the first byte and the
 * whole. Redirects are not followed, nothing is tried twice.
 *
 * A fault says whether the request may have left: only an error of the connection attempt
 * itself proves that it did not.
 */
import { readFileSync } from 'node:fs';
import { type buildConnector, errors, buildConnector as newConnector, Pool } from 'undici';
import { mayCall } from '../../engine/config/plaintext.js';
import { outboundProblem } from '../../engine/util/egress-policy.js';

export interface EgressSettings {
  readonly egressHosts: readonly string[];
  /** Hosts beyond this machine that may be called without TLS. */
  readonly allowPlaintext: readonly string[];
  readonly pspConnectTimeoutMs: number;
  readonly pspFirstByteTimeoutMs: number;
  /** Default 64 KiB. */
  readonly answerBytesMax?: number;
  /** The whole call. */
  readonly pspTimeoutMs: number;
  /** PEM file of the only certificate authorities to trust; empty: Node's. */
  readonly egressCaFile: string;
}

export interface EgressRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

export interface EgressAnswer {
  readonly httpStatus: number;
  /** Names in lower case. */
  readonly headers: Record<string, string>;
  readonly text: string;
}

export class EgressFault extends Error {
  /** Of undici or Node, such as UND_ERR_HEADERS_TIMEOUT. */
  readonly reason: string;
  /** False only when not a byte of the request can have left. */
  readonly maybeSent: boolean;

  constructor(error: Error & { code?: unknown }, maybeSent: boolean) {
    super(error.message.slice(0, MESSAGE_CHARS_MAX), { cause: error });
    this.name = 'EgressFault';
    this.reason = typeof error.code === 'string' ? error.code : error.name;
    this.maybeSent = maybeSent;
  }
}

const CONNECTIONS_MAX = 256;
const KEEP_ALIVE_MS = 30_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const MESSAGE_CHARS_MAX = 200;

export class Egress {
  readonly #pool: Pool;
  readonly #timeoutMs: number;
  /** Errors of connection attempts: what they were for was never sent. */
  readonly #connectErrors = new WeakSet<Error>();

  /** @param origin scheme, host and port. Throws when it may not be called. */
  constructor(origin: string, settings: EgressSettings) {
    const problem = outboundProblem(origin, settings.egressHosts);
    if (problem) throw new Error(problem);
    if (!mayCall(origin, settings.allowPlaintext))
      throw new Error(`${origin} is neither HTTPS nor in TOLLGATE_ALLOW_PLAINTEXT`);
    this.#timeoutMs = settings.pspTimeoutMs;
    this.#pool = new Pool(new URL(origin).origin, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: settings.pspFirstByteTimeoutMs,
      bodyTimeout: settings.pspTimeoutMs,
      maxResponseSize: settings.answerBytesMax ?? ANSWER_BYTES_MAX,
      maxHeaderSize: HEADER_BYTES_MAX,
      connect: this.#connector(settings),
    });
  }

  /** Throws EgressFault, and nothing else. */
  async send({ method, path, headers, body }: EgressRequest): Promise<EgressAnswer> {
    // Not AbortSignal.timeout: its timer would live on after the answer.
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new DOMException('the call took too long', 'TimeoutError')),
      this.#timeoutMs,
    );
    const { signal } = late;
    try {
      const answer = await this.#pool.request({ method, path, headers, body, signal });
      return {
        httpStatus: answer.statusCode,
        headers: flat(answer.headers),
        text: await answer.body.text(),
      };
    } catch (error) {
      const fault = error instanceof Error ? error : new errors.UndiciError(String(error));
      throw new EgressFault(fault, !this.#connectErrors.has(fault));
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #connector(settings: EgressSettings): buildConnector.connector {
    const connect = newConnector({
      timeout: settings.pspConnectTimeoutMs,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ...(settings.egressCaFile ? { ca: readFileSync(settings.egressCaFile) } : {}),
    });
    return (options, callback) =>
      connect(options, (...result) => {
        if (result[0]) this.#connectErrors.add(result[0]);
        callback(...result);
      });
  }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, header]) => [
    name,
    [header ?? ''].flat().join(', '),
  ]);
  return Object.fromEntries(pairs);
}
