/**
 * Deletes payments that are older than the retention, terminal, and therefore published;
 * and webhooks of that age once Kafka has them. Postgres keeps its rows for good, so an id
 * that comes again later is still known there.
 */
import type { Logger } from './core/log.js';
import { isSettled } from './open-rows.js';
import { ageBound, splitAgeKey } from './store/families.js';
import type { Store } from './store/store.js';

const PASS_MS = 600_000;
const PAGE_ROWS = 500;

export class Retention {
  readonly #store: Store;
  readonly #keepMs: number;
  readonly #publishedUpTo: () => number;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  #isStopped = false;
  deleted = 0;

  /** @param publishedUpTo Unix milliseconds: Kafka has all that was durable then */
  constructor(store: Store, keepMs: number, publishedUpTo: () => number, logger: Logger) {
    this.#store = store;
    this.#keepMs = keepMs;
    this.#publishedUpTo = publishedUpTo;
    this.#logger = logger;
    this.#timer = setInterval(() => {
      this.pass(Date.now()).catch((error: Error) =>
        this.#logger.error({ reason: error.message }, 'the retention pass failed'),
      );
    }, PASS_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async pass(nowMs: number): Promise<void> {
    const until = ageBound(Math.max(0, nowMs - this.#keepMs));
    // A webhook is stamped before it is durable; the distance of a whole retention covers that.
    const publishedBefore = this.#publishedUpTo() - this.#keepMs;
    let from = ageBound(0);
    while (!this.#isStopped) {
      const page = this.#store.range('age', from, until, PAGE_ROWS);
      const batch = this.#store.batch();
      let last: Buffer | undefined;
      for (let i = 0; i < page.length; i += 2) {
        last = page[i]!;
        const { acceptedAtMs, family, key } = splitAgeKey(last);
        const isDone =
          family === 'inbox' ? acceptedAtMs < publishedBefore : isSettled(this.#store, key);
        if (!isDone) continue;
        batch.delete('age', last);
        batch.delete(family, key);
        if (family === 'checkouts') batch.delete('status', key);
        this.deleted++;
      }
      if (batch.size > 0) batch.write();
      if (last === undefined || page.length < PAGE_ROWS * 2) return;
      from = Buffer.concat([last, Buffer.alloc(1)]);
      await new Promise((done) => setImmediate(done));
    }
  }
}
