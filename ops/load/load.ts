/**
 * Load as an outside client makes it: posts at a constant rate whether or not answers come
 * back (open loop), then reads every payment until it is terminal. Bounded in flight.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import { Pool } from 'undici';
import { isTerminal, type PaymentStatusName } from '../../engine/domain/payment.js';
import { type Credentials, proofHeaders } from '../client/credentials.js';

const CONNECTIONS_MAX = 128;
const TICK_MS = 5;
const TRIES_MAX = 30;
const READ_MS_MAX = 10_000;
const READERS = 32;

export interface LoadOptions {
  /** May have a path, below which the API is. */
  readonly api: string;
  /** PEM of who signed the API's certificate, where that is not a public one. */
  readonly ca?: string;
  readonly credentials?: Credentials;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly count: number;
  readonly ratePerSecond: number;
  readonly idOf: (n: number) => string;
  /** The same for every id, or made for it. */
  readonly body: object | ((id: string) => object);
  /** How long after the last post every payment must be terminal. */
  readonly settleMsMax: number;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Called as soon as an id is answered 202, with the answer's bytes. */
  readonly onAccepted?: (id: string, body: string) => void;
}

export interface LoadProgress {
  readonly posted: number;
  readonly accepted: number;
  readonly terminal: number;
}

export interface LoadResult {
  readonly accepted: readonly string[];
  /** Posts that were never answered 202, by last status or error. */
  readonly refused: ReadonlyMap<string, number>;
  readonly retries: number;
  /** Terminal status of each accepted id that has one. */
  readonly statuses: ReadonlyMap<string, PaymentStatusName>;
  /** Microseconds from the moment a post was due. */
  readonly latency: Histogram;
  readonly acceptSeconds: number;
  readonly settleSeconds: number;
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  return await new Load(options).run();
}

class Load {
  readonly #options: LoadOptions;
  readonly #pool: Pool;
  readonly #base: string;
  readonly #accepted: string[] = [];
  readonly #refused = new Map<string, number>();
  readonly #statuses = new Map<string, PaymentStatusName>();
  readonly #latency = build({ highestTrackableValue: 120_000_000 });
  #posted = 0;
  #retries = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { origin, pathname } = new URL(options.api);
    this.#base = pathname.replace(/\/+$/, '');
    this.#pool = new Pool(origin, {
      connections: CONNECTIONS_MAX,
      headersTimeout: READ_MS_MAX,
      bodyTimeout: READ_MS_MAX,
      ...(options.ca === undefined ? {} : { connect: { ca: options.ca } }),
    });
  }

  async run(): Promise<LoadResult> {
    const start = performance.now();
    const progress = setInterval(() => this.#report(), 500);
    try {
      await this.#postAll(start);
      const posted = performance.now();
      await this.#readAll(Date.now() + this.#options.settleMsMax);
      this.#report();
      return {
        accepted: this.#accepted,
        refused: this.#refused,
        retries: this.#retries,
        statuses: this.#statuses,
        latency: this.#latency,
        acceptSeconds: (posted - start) / 1_000,
        settleSeconds: (performance.now() - posted) / 1_000,
      };
    } finally {
      clearInterval(progress);
      await this.#pool.destroy();
    }
  }

  #report(): void {
    const { onProgress } = this.#options;
    onProgress?.({
      posted: this.#posted,
      accepted: this.#accepted.length,
      terminal: this.#statuses.size,
    });
  }

  async #postAll(start: number): Promise<void> {
    const { count, ratePerSecond, idOf } = this.#options;
    const open = new Set<Promise<void>>();
    for (let n = 0; n < count; ) {
      const due = Math.min(
        count,
        Math.floor(((performance.now() - start) / 1_000) * ratePerSecond) + 1,
      );
      for (; n < due; n++) {
        const post = this.#post(idOf(n), start + (n * 1_000) / ratePerSecond);
        open.add(post);
        void post.finally(() => open.delete(post));
      }
      await sleep(TICK_MS);
    }
    await Promise.all(open);
  }

  /** Tries again on 503, 429 and a broken connection: the id makes that safe. */
  async #post(id: string, dueAt: number): Promise<void> {
    this.#posted++;
    let last = '';
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      let waitMs = 200 * (attempt + 1);
      try {
        const answer = await this.#request('POST', '/payments', id);
        if (answer.status === 202) {
          this.#latency.recordValue(Math.max(1, Math.round((performance.now() - dueAt) * 1_000)));
          this.#accepted.push(id);
          this.#options.onAccepted?.(id, answer.body);
          return;
        }
        last = `${answer.status}`;
        if (answer.status !== 503 && answer.status !== 429) break;
        waitMs = (answer.retryAfter || 1) * 1_000;
      } catch (error) {
        last = (error as { code?: string }).code ?? (error as Error).name;
      }
      this.#retries++;
      await sleep(waitMs);
    }
    this.#refused.set(last, (this.#refused.get(last) ?? 0) + 1);
  }

  async #readAll(giveUpAt: number): Promise<void> {
    let open = [...this.#accepted];
    while (open.length > 0 && Date.now() < giveUpAt) {
      const left: string[] = [];
      const queue = open.values();
      const reader = async (): Promise<void> => {
        for (const id of queue) if (!(await this.#isTerminal(id))) left.push(id);
      };
      await Promise.all(Array.from({ length: READERS }, reader));
      open = left;
      if (open.length > 0) await sleep(200);
    }
  }

  async #isTerminal(id: string): Promise<boolean> {
    try {
      const { body } = await this.#request('GET', `/payments/${id}`, id);
      const { status } = JSON.parse(body) as { status: PaymentStatusName };
      if (!isTerminal(status)) return false;
      this.#statuses.set(id, status);
      return true;
    } catch {
      return false;
    }
  }

  #bodyOf(id: string): object {
    const { body } = this.#options;
    return typeof body === 'function' ? body(id) : body;
  }

  async #request(method: 'GET' | 'POST', path: string, id: string) {
    const isPost = method === 'POST';
    const sent = isPost ? JSON.stringify(this.#bodyOf(id)) : '';
    const posted = { 'x-payment-checkout-id': id, 'content-type': 'application/json' };
    const { credentials = {}, headers } = this.#options;
    const proof = proofHeaders(credentials, { method, path, id, body: sent });
    const answer = await this.#pool.request({
      method,
      path: `${this.#base}${path}`,
      headers: { ...(isPost ? posted : {}), ...proof, ...headers },
      body: isPost ? sent : null,
    });
    const body = await answer.body.text();
    return { status: answer.statusCode, body, retryAfter: Number(answer.headers['retry-after']) };
  }
}
