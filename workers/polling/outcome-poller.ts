/**
 * Polls for due payments that no retry record will trigger: unknown outcomes, lost webhooks, lost
 * retry records, processors that died. Bounded: it claims no more payments than may be in work.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { FailureLog } from '../../engine/util/failure-log.js';
import type { Logger } from '../../engine/util/log.js';
import { leaseMs } from '../payment/executor.js';
import { type Ask, claimDue } from '../postgres/claims.js';

const LOOK_MS = 250;
const AWAY_MS = 1_000;
const CLAIM_MAX = 100;
export const ASKS_IN_WORK_MAX = 200;

export interface AskerParts {
  readonly pool: pg.Pool;
  readonly pspTimeoutMs: number;
  readonly logger: Logger;
  /** Must not reject. */
  readonly ask: (ask: Ask) => Promise<unknown>;
}

export class Asker {
  readonly #parts: AskerParts;
  readonly #stop = new AbortController();
  #inWork = 0;
  asked = 0;

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  get inWork(): number {
    return this.#inWork;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const failures = new FailureLog(
      this.#parts.logger,
      'looking for payments that are due',
      'info',
    );
    while (!signal.aborted) {
      let wait = LOOK_MS;
      try {
        await this.#look();
        failures.succeeded();
      } catch (error) {
        failures.failed(error as Error);
        wait = AWAY_MS;
      }
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { pool, pspTimeoutMs, ask } = this.#parts;
    const room = Math.min(CLAIM_MAX, ASKS_IN_WORK_MAX - this.#inWork);
    if (room <= 0) return;
    for (const entry of await claimDue(pool, room, leaseMs(pspTimeoutMs))) {
      this.#inWork++;
      this.asked++;
      void ask(entry).finally(() => this.#inWork--);
    }
  }
}
