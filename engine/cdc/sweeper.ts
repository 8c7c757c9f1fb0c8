/**
 * Publishes an accepted row again when it has no status long after Kafka confirmed it. In normal
 * operation nothing is swept; every sweep is counted and raises an alert.
 */

import { checkoutAccepted, tryDecode } from '../codec/records.js';
import type { GroupProgress } from '../kafka/group-progress.js';
import { ownStatus } from '../store/own-status.js';
import type { Store } from '../store/store.js';
import { ageBound, agePage } from '../store/time-index.js';
import type { Logger } from '../util/log.js';
import type { CdcPublisher } from './publisher.js';
import { SweepSchedule } from './sweep-schedule.js';
import { type Row, republishAll } from './unsettled-rows.js';

const LOOK_MS_MAX = 30_000;

export interface SweeperParts {
  /** A payment without a status for so long after the processors had it is published again. */
  readonly afterMs: number;
  readonly store: Store;
  readonly publisher: CdcPublisher;
  /** How far the processors have come in payments.accepted. Rejects when Kafka is away. */
  readonly progress: () => Promise<GroupProgress>;
  /** Every status that was published is applied here. */
  readonly statusesAreRead: () => boolean;
  readonly logger: Logger;
}

export class Sweeper {
  readonly #parts: SweeperParts;
  readonly #schedule: SweepSchedule;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #isRunning = false;
  #hasFailed = false;
  /** Everything accepted before this has a status. */
  #settledUpTo = 0;
  swept = 0;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
    this.#schedule = new SweepSchedule(parts.afterMs);
    this.#timer = setInterval(() => void this.#pass(), Math.min(parts.afterMs / 2, LOOK_MS_MAX));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  /** Never rejects. */
  async #pass(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      const upTo = await this.#due();
      if (upTo !== undefined) await this.#sweep(upTo);
      this.#hasFailed = false;
    } catch (error) {
      // Kafka may be away: that has a warning of its own.
      const level = this.#hasFailed ? 'debug' : 'warn';
      const line = 'payments without a status could not be looked for; it is tried again';
      this.#parts.logger[level]({ reason: (error as Error).message }, line);
      this.#hasFailed = true;
    } finally {
      this.#isRunning = false;
    }
  }

  async #due(): Promise<number | undefined> {
    const { publisher, progress, statusesAreRead } = this.#parts;
    const publishedUpTo = publisher.caughtUpAt;
    // Nothing was published yet: Kafka has been away since the start.
    if (publishedUpTo <= 0) return undefined;
    const found = await progress();
    return this.#schedule.next(performance.now(), publishedUpTo, found, statusesAreRead());
  }

  async #sweep(upTo: number): Promise<void> {
    const { signal } = this.#stop;
    const until = ageBound(upTo);
    let from: Buffer | undefined = ageBound(this.#settledUpTo);
    let allSettled = true;
    while (from !== undefined && !signal.aborted) {
      const page = agePage(this.#parts.store, from, until);
      const rows: Row[] = [];
      for (const { atMs, family, keys } of page.rows) {
        if (family === 'inbox') continue;
        const open = this.#withoutStatus(keys);
        rows.push(...open);
        allSettled &&= open.length === 0;
        if (allSettled) this.#settledUpTo = atMs;
      }
      const now = performance.now();
      const due = rows.filter(({ key }) => this.#schedule.take(key.toString('latin1'), now));
      if (due.length > 0) await this.#again(due);
      from = page.next;
      await new Promise((done) => setImmediate(done));
    }
  }

  #withoutStatus(keys: readonly Buffer[]): Row[] {
    const { store, logger } = this.#parts;
    const rows: Row[] = [];
    for (const key of keys) {
      const value = store.get('checkouts', key);
      if (!value || ownStatus(store, key, value)) continue;
      // No processor could read it either: publishing it again would only make dead letters.
      if (tryDecode(checkoutAccepted, value)) rows.push({ family: 'checkouts', key, value });
      else logger.error({ key: key.toString() }, 'the stored checkout cannot be decoded');
    }
    return rows;
  }

  async #again(rows: readonly Row[]): Promise<void> {
    for (const { key } of rows)
      this.#parts.logger.warn({ key: key.toString() }, 'no status for long: published again');
    await republishAll(this.#parts.publisher, rows, 'sweep', this.#stop.signal);
    this.swept += rows.length;
  }
}
