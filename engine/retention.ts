/**
 * Deletes payments that are terminal, published and older than the retention; webhooks of that age
 * once Kafka has them; and statuses of that age without a checkout. Postgres keeps its rows, so a
 * later request with the same id is still recognised there.
 *
 * No single clock can cause a deletion. "Now" is the earlier of this host's time and the newest
 * time that Kafka gave to a status record; a payment's age is the smaller of the ages by this
 * host's and by Postgres' date.
 */

import { LateStatuses } from './cdc/orphan-statuses.js';
import { isSettled } from './cdc/unsettled-rows.js';
import type { Store, WriteBatch } from './store/store.js';
import { type AgeRow, ageBound, agePage, putAges } from './store/time-index.js';
import type { Logger } from './util/log.js';

const PASS_MS = 600_000;

export interface RetentionParts {
  readonly store: Store;
  readonly keepMs: number;
  /** Unix milliseconds: Kafka has all that was durable then. */
  readonly publishedUpTo: () => number;
  /** The newest time that Kafka gave a record, Unix milliseconds; 0: none is known, delete nothing. */
  readonly kafkaTime: () => number;
  readonly logger: Logger;
}

export class Retention {
  readonly #store: Store;
  readonly #keepMs: number;
  readonly #publishedUpTo: () => number;
  readonly #kafkaTime: () => number;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #lateStatuses: LateStatuses;
  #isStopped = false;
  #deleted = 0;

  constructor({ store, keepMs, publishedUpTo, kafkaTime, logger }: RetentionParts) {
    this.#store = store;
    this.#keepMs = keepMs;
    this.#publishedUpTo = publishedUpTo;
    this.#kafkaTime = kafkaTime;
    this.#logger = logger;
    this.#lateStatuses = new LateStatuses(store);
    this.#timer = setInterval(() => {
      this.pass(Date.now()).catch((error: Error) =>
        this.#logger.error({ reason: error.message }, 'the retention pass failed'),
      );
    }, PASS_MS);
  }

  /** Payments, webhooks and statuses without a checkout. */
  get deleted(): number {
    return this.#deleted + this.#lateStatuses.deleted;
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async pass(hostMs: number): Promise<void> {
    const untilMs = Math.max(0, Math.min(hostMs, this.#kafkaTime()) - this.#keepMs);
    const until = ageBound(untilMs);
    let from: Buffer | undefined = ageBound(0);
    while (from !== undefined && !this.#isStopped) {
      const page = agePage(this.#store, from, until);
      const batch = this.#store.batch();
      for (const row of page.rows) this.#deleteDone(row, untilMs, batch);
      if (batch.size > 0) batch.write();
      from = page.next;
      await new Promise((done) => setImmediate(done));
    }
    await this.#lateStatuses.pass(untilMs, () => this.#isStopped);
  }

  #deleteDone({ row, atMs, family, keys }: AgeRow, untilMs: number, batch: WriteBatch): void {
    // A webhook is stamped before it is durable; the distance of a whole retention covers that.
    const isPublished = atMs < this.#publishedUpTo() - this.#keepMs;
    const left: Buffer[] = [];
    for (const key of keys) {
      if (family === 'inbox' ? !isPublished : !isSettled(this.#store, key, untilMs)) {
        left.push(key);
        continue;
      }
      batch.delete(family, key);
      if (family === 'checkouts') batch.delete('status', key);
      this.#deleted++;
    }
    if (left.length === keys.length) return;
    batch.delete('age', row);
    putAges(batch, family, atMs, left);
  }
}
