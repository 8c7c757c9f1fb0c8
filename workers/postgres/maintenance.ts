/**
 * Maintains the partitions of Postgres: at the start, then every hour. Nothing is dropped while
 * the clocks of this host and of Postgres disagree.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { ProcessorConfig } from '../../engine/config/config.js';
import type { Logger } from '../../engine/util/log.js';
import { type Keep, maintainPartitions } from './partitions.js';

export type MaintenanceSettings = Keep & Pick<ProcessorConfig, 'maintenance'>;

const EVERY_MS = 3_600_000;
const SKEW_MS_MAX = 60_000;

export class Maintenance {
  readonly #pool: pg.Pool;
  readonly #keep: MaintenanceSettings;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #failures = 0;
  #dropped = 0;
  /** Unix seconds; 0 before the first. */
  #lastAt = 0;

  constructor(pool: pg.Pool, keep: MaintenanceSettings, logger: Logger) {
    this.#pool = pool;
    this.#keep = keep;
    this.#logger = logger;
  }

  start(): void {
    if (this.#keep.maintenance) this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  figures(): Record<string, number> {
    if (!this.#keep.maintenance) return {};
    return {
      maintenance_failures_total: this.#failures,
      maintenance_partitions_dropped_total: this.#dropped,
      maintenance_last_timestamp_seconds: this.#lastAt,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#pass();
      } catch (error) {
        this.#failures++;
        const reason = (error as Error).message;
        this.#logger.error(
          { reason },
          'partitions were not maintained: the next pass is in an hour',
        );
      }
      await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #pass(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      const { rows } = await client.query<{ now: Date }>('select clock_timestamp() as now');
      const { now } = rows[0]!;
      const skewMs = Math.abs(now.getTime() - Date.now());
      const canDrop = skewMs <= SKEW_MS_MAX;
      if (!canDrop)
        this.#logger.warn({ skewMs }, 'no partition is dropped while clocks disagree: set them');
      const dropped = await maintainPartitions(client, this.#keep, now, canDrop);
      this.#dropped += dropped;
      this.#lastAt = now.getTime() / 1_000;
      if (dropped > 0)
        this.#logger.info({ dropped }, 'partitions past their retention are dropped');
    } finally {
      client.release();
    }
  }
}
