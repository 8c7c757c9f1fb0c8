/**
 * Counts dead payments by reason and age, read from Postgres at an interval. A dead payment is
 * counted until it is redriven, however old its letter is.
 */
import type pg from 'pg';
import type { Logger } from '../../engine/util/log.js';
import { countDead, type DeadCount } from '../postgres/dead-payments.js';

const LOOK_MS = 10_000;

export class DeadWatch {
  readonly #pool: pg.Pool;
  readonly #logger: Logger;
  #counts: readonly DeadCount[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(pool: pg.Pool, logger: Logger) {
    this.#pool = pool;
    this.#logger = logger;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  figures(): Record<string, number> {
    const figures: Record<string, number> = {
      processor_dead_payments: sum(this.#counts.map((count) => count.payments)),
      processor_dead_payments_oldest_seconds: Math.max(
        0,
        ...this.#counts.map((count) => count.oldest_seconds),
      ),
    };
    for (const { reason, payments, oldest_seconds } of this.#counts) {
      const label = `{reason="${reason.replace(/\W/g, '_')}"}`;
      figures[`processor_dead_payments_by_reason${label}`] = payments;
      figures[`processor_dead_payments_age_seconds${label}`] = oldest_seconds;
    }
    return figures;
  }

  async #look(): Promise<void> {
    try {
      this.#counts = await countDead(this.#pool);
    } catch (error) {
      const { message } = error as Error;
      this.#logger.debug({ reason: message }, 'the dead payments are not counted now');
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
