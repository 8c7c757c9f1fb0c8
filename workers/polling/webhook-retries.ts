/** Polls for webhooks that wait, and processes them again. Bounded; stops at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { FailureLog } from '../../engine/util/failure-log.js';
import type { Logger } from '../../engine/util/log.js';
import { claimWebhooks, type WaitingWebhook } from '../postgres/webhook-waits.js';

const LOOK_MS = 500;
const AWAY_MS = 2_000;
export const WEBHOOK_RETRIES_MAX = 100;
const LEASE_MS = 60_000;

export interface WebhookRetriesParts {
  readonly pool: pg.Pool;
  readonly logger: Logger;
  /** Must not reject. */
  readonly judge: (webhook: WaitingWebhook) => Promise<void>;
}

export class WebhookRetries {
  readonly #parts: WebhookRetriesParts;
  readonly #stop = new AbortController();
  retried = 0;

  constructor(parts: WebhookRetriesParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { pool, logger, judge } = this.#parts;
    const { signal } = this.#stop;
    const failures = new FailureLog(logger, 'looking for webhooks that wait', 'info');
    while (!signal.aborted) {
      let wait = LOOK_MS;
      try {
        const due = await claimWebhooks(pool, WEBHOOK_RETRIES_MAX, LEASE_MS);
        this.retried += due.length;
        failures.succeeded();
        await Promise.all(due.map(judge));
        if (due.length === WEBHOOK_RETRIES_MAX) wait = 0;
      } catch (error) {
        failures.failed(error as Error);
        wait = AWAY_MS;
      }
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
