/** Polls for due late captures, and takes each one step further. Bounded; stops at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from '../../engine/util/log.js';
import { leaseMs } from '../payment/executor.js';
import {
  claimLateCaptures,
  countOpenLateCaptures,
  type LateCapture,
} from '../postgres/late-captures.js';

const LOOK_MS = 500;
const AWAY_MS = 2_000;
export const LATE_CAPTURES_MAX = 20;

export interface LateCaptureWatchParts {
  readonly pool: pg.Pool;
  readonly pspTimeoutMs: number;
  readonly logger: Logger;
  /** Must not reject. */
  readonly step: (capture: LateCapture) => Promise<unknown>;
}

export class LateCaptureWatch {
  readonly #parts: LateCaptureWatchParts;
  readonly #stop = new AbortController();
  #open = 0;

  constructor(parts: LateCaptureWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  figures(): Record<string, number> {
    return { late_captures_open: this.#open };
  }

  async #run(): Promise<void> {
    const { logger } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let wait = LOOK_MS;
      try {
        await this.#look();
      } catch (error) {
        logger.warn({ reason: (error as Error).message }, 'late captures wait longer');
        wait = AWAY_MS;
      }
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { pool, pspTimeoutMs, step } = this.#parts;
    const due = await claimLateCaptures(pool, LATE_CAPTURES_MAX, leaseMs(pspTimeoutMs));
    await Promise.all(due.map(step));
    this.#open = await countOpenLateCaptures(pool);
  }
}
