/**
 * The net below the pipeline: an accepted row that has no status long after Kafka had it is
 * published again. Normal life sweeps nothing; every sweep is counted and worth an alert.
 */
import type { CdcPublisher } from './cdc/publisher.js';
import { checkoutAccepted, tryDecode } from './codec/records.js';
import type { Logger } from './core/log.js';
import { type Row, republishAll } from './open-rows.js';
import { ageBound, agePage } from './store/age.js';
import { ownStatus } from './store/own-status.js';
import type { Store } from './store/store.js';

export class Sweeper {
  readonly #store: Store;
  readonly #publisher: CdcPublisher;
  readonly #afterMs: number;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #isRunning = false;
  /** Everything accepted before this has a status. */
  #settledUpTo = 0;
  swept = 0;

  constructor(store: Store, publisher: CdcPublisher, afterMs: number, logger: Logger) {
    this.#store = store;
    this.#publisher = publisher;
    this.#afterMs = afterMs;
    this.#logger = logger;
    this.#timer = setInterval(() => this.#pass(), afterMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  #pass(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#sweep()
      .catch((error: Error) => this.#logger.error({ reason: error.message }, 'the sweep failed'))
      .finally(() => {
        this.#isRunning = false;
      });
  }

  async #sweep(): Promise<void> {
    const { signal } = this.#stop;
    // Nothing was published yet: Kafka has been away since the start.
    if (this.#publisher.caughtUpAt <= this.#afterMs) return;
    const until = ageBound(this.#publisher.caughtUpAt - this.#afterMs);
    let from: Buffer | undefined = ageBound(this.#settledUpTo);
    let allSettled = true;
    while (from !== undefined && !signal.aborted) {
      const page = agePage(this.#store, from, until);
      const rows: Row[] = [];
      for (const { atMs, family, keys } of page.rows) {
        if (family === 'inbox') continue;
        const open = this.#withoutStatus(keys);
        rows.push(...open);
        allSettled &&= open.length === 0;
        if (allSettled) this.#settledUpTo = atMs;
      }
      if (rows.length > 0) await this.#again(rows);
      from = page.next;
      await new Promise((done) => setImmediate(done));
    }
  }

  #withoutStatus(keys: readonly Buffer[]): Row[] {
    const rows: Row[] = [];
    for (const key of keys) {
      const value = this.#store.get('checkouts', key);
      if (!value || ownStatus(this.#store, key, value)) continue;
      // No processor could read it either: publishing it again would only make dead letters.
      if (tryDecode(checkoutAccepted, value)) rows.push({ family: 'checkouts', key, value });
      else this.#logger.error({ key: key.toString() }, 'the stored checkout cannot be decoded');
    }
    return rows;
  }

  async #again(rows: readonly Row[]): Promise<void> {
    for (const { key } of rows)
      this.#logger.warn({ key: key.toString() }, 'no status for long: published again');
    await republishAll(this.#publisher, rows, 'sweep', this.#stop.signal);
    this.swept += rows.length;
  }
}
