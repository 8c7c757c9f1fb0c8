/**
 * Deletes payments that are older than the retention, terminal, and therefore published;
 * and webhooks of that age once Kafka has them. Postgres keeps its rows for good, so an id
 * that comes again later is still known there.
 */
import type { Logger } from './core/log.js';
import { isSettled } from './open-rows.js';
import { type AgeRow, ageBound, agePage, putAges } from './store/age.js';
import type { Store, WriteBatch } from './store/store.js';

const PASS_MS = 600_000;

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
    let from: Buffer | undefined = ageBound(0);
    while (from !== undefined && !this.#isStopped) {
      const page = agePage(this.#store, from, until);
      const batch = this.#store.batch();
      for (const row of page.rows) this.#deleteDone(row, batch);
      if (batch.size > 0) batch.write();
      from = page.next;
      await new Promise((done) => setImmediate(done));
    }
  }

  #deleteDone({ row, atMs, family, keys }: AgeRow, batch: WriteBatch): void {
    // A webhook is stamped before it is durable; the distance of a whole retention covers that.
    const isPublished = atMs < this.#publishedUpTo() - this.#keepMs;
    const left: Buffer[] = [];
    for (const key of keys) {
      if (family === 'inbox' ? !isPublished : !isSettled(this.#store, key)) {
        left.push(key);
        continue;
      }
      batch.delete(family, key);
      if (family === 'checkouts') batch.delete('status', key);
      this.deleted++;
    }
    if (left.length === keys.length) return;
    batch.delete('age', row);
    putAges(batch, family, atMs, left);
  }
}
