/**
 * Reconciles by itself what is due, one period after the other, in a thread of its own. Any
 * number of processors may look; the lock of the run lets one of them work.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type pg from 'pg';
import type { ProcessorConfig } from '../../engine/config/config.js';
import type { Logger } from '../../engine/util/log.js';
import { transaction } from '../postgres/pool.js';
import { type DuePeriod, duePeriods } from './due.js';
import type { Done } from './thread.js';

const LOOK_MS = 5_000;
const FAILED_MS = 60_000;

export class ReconcileScheduler {
  readonly #config: ProcessorConfig;
  readonly #pool: pg.Pool;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #worker: Worker | undefined;
  #runs = 0;
  #failures = 0;
  #openItems = 0;
  /** Unix seconds; 0 before the first. */
  #lastDailyAt = 0;

  constructor(config: ProcessorConfig, pool: pg.Pool, logger: Logger) {
    this.#config = config;
    this.#pool = pool;
    this.#logger = logger;
  }

  start(): void {
    if (this.#config.reconcileSchedule) this.#loop = this.#run();
  }

  /** A run under way ends with us: it may be run again. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#worker?.terminate();
    await this.#loop;
  }

  figures(): Record<string, number> {
    return {
      reconciliation_runs_total: this.#runs,
      reconciliation_failures_total: this.#failures,
      reconciliation_open_items: this.#openItems,
      reconciliation_last_daily_timestamp_seconds: this.#lastDailyAt,
      reconciliation_running: this.#worker ? 1 : 0,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let wait = LOOK_MS;
    while (!signal.aborted) {
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      wait = LOOK_MS;
      try {
        await this.#look();
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        wait = FAILED_MS;
        this.#logger.error({ reason: (error as Error).message }, 'reconciliation failed');
      }
    }
  }

  async #look(): Promise<void> {
    const due = await this.#due();
    if (due.length > 0) await this.#reconcile(due);
    const { rows } = await this.#pool.query<{ open: number; last: number }>(
      `select (select count(*) from reconciliation_items where state = 'open') as open,
         (select coalesce(extract(epoch from max(finished_at)), 0)::float8 from reconciliation_runs
          where kind = 'daily' and state = 'finished') as last`,
    );
    this.#openItems = rows[0]!.open;
    this.#lastDailyAt = rows[0]!.last;
  }

  #due(): Promise<DuePeriod[]> {
    const { reconcileHour } = this.#config;
    return transaction(this.#pool, (client) =>
      duePeriods(client, this.#config, reconcileHour, new Date()),
    );
  }

  async #reconcile(due: readonly DuePeriod[]): Promise<void> {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: due });
    this.#worker = worker;
    worker.on('message', (done: Done) => {
      if ('failure' in done) {
        this.#failures++;
        this.#logger.error(done, 'reconciliation of a period failed: it is tried again later');
        return;
      }
      this.#runs++;
      this.#logger.info(done, 'reconciled');
    });
    try {
      await once(worker, 'exit');
    } catch (error) {
      // Another processor is at it.
      if ((error as { code?: string }).code !== 'runner_busy') throw error;
    } finally {
      this.#worker = undefined;
    }
  }
}
