/**
 * The net below the pipeline: an accepted row that has no status long after Kafka had it is
 * published again. Normal life sweeps nothing; every sweep is counted and worth an alert.
 */
import type { CdcPublisher } from './cdc/publisher.js';
import type { Logger } from './core/log.js';
import { type Row, republishAll } from './open-rows.js';
import { ageBound, splitAgeKey } from './store/families.js';
import type { Store } from './store/store.js';

const PAGE_ROWS = 500;

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
    const until = ageBound(this.#publisher.caughtUpAt - this.#afterMs);
    if (this.#publisher.caughtUpAt <= this.#afterMs) return;
    let from = ageBound(this.#settledUpTo);
    let allSettled = true;
    while (!signal.aborted) {
      const page = this.#store.range('age', from, until, PAGE_ROWS);
      const rows: Row[] = [];
      let last: Buffer | undefined;
      for (let i = 0; i < page.length; i += 2) {
        last = page[i]!;
        const { acceptedAtMs, family, key } = splitAgeKey(last);
        if (family === 'inbox') continue;
        const value = this.#store.get('status', key)
          ? undefined
          : this.#store.get('checkouts', key);
        if (value) rows.push({ family: 'checkouts', key, value });
        allSettled &&= value === undefined;
        if (allSettled) this.#settledUpTo = acceptedAtMs;
      }
      if (rows.length > 0) await this.#again(rows);
      if (last === undefined || page.length < PAGE_ROWS * 2) return;
      from = Buffer.concat([last, Buffer.alloc(1)]);
      await new Promise((done) => setImmediate(done));
    }
  }

  async #again(rows: readonly Row[]): Promise<void> {
    for (const { key } of rows)
      this.#logger.warn({ key: key.toString() }, 'no status for long: published again');
    await republishAll(this.#publisher, rows, 'sweep', this.#stop.signal);
    this.swept += rows.length;
  }
}
