/**
 * The clock for decisions about payments: Postgres' time, extrapolated with this machine's
 * monotonic clock. So neither a wrong nor a stepping clock of this host changes a decision.
 *
 * Postgres' clock may be wrong too. Therefore an irreversible step is taken only while this host's
 * clock agrees with it, and times set before a step of Postgres' clock are not trusted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isAway } from './pool.js';

/** An answer this old is not relied on any more: Postgres is asked again. */
const FRESH_MS = 1_000;
const RETRY_MS = 500;
const ASKS_MAX = 5;
/** Two clocks drift apart by less than this. */
const DRIFT_MAX = 0.001;

/** Does not jump, and is the same in all threads of the process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}

export interface Clocks {
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
}

const CLOCKS: Clocks = { wallMs: () => Date.now(), monotonicMs };

/** Selected by statements, for `PostgresClock.observe`. */
export const CLOCK_SQL = 'extract(epoch from clock_timestamp())::float8 * 1000';

export class PostgresClock {
  readonly #skewMsMax: number;
  readonly #ask: () => Promise<number>;
  readonly #clocks: Clocks;
  #postgresMs = 0;
  #monotonicMs = Number.NEGATIVE_INFINITY;
  /** Postgres' clock may be so much ahead of `now`: its answer was on its way so long. */
  #slackMs = 0;
  #trustedSince = 0;
  #asking: Promise<void> | undefined;

  /** @param ask Postgres' time now, Unix milliseconds */
  constructor(skewMsMax: number, ask: () => Promise<number>, clocks: Clocks = CLOCKS) {
    this.#skewMsMax = skewMsMax;
    this.#ask = ask;
    this.#clocks = clocks;
  }

  /** One that waits while Postgres is away, as everything that is written to it does. */
  static of(pool: pg.Pool, skewMsMax: number): PostgresClock {
    return new PostgresClock(skewMsMax, async () => {
      for (;;) {
        try {
          const { rows } = await pool.query<{ now: number }>(`select ${CLOCK_SQL} as now`);
          return rows[0]!.now;
        } catch (error) {
          if (!isAway(error)) throw error;
        }
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    });
  }

  /**
   * A statement has just answered with Postgres' time. It may have been on its way since `begunAt`
   * (by `monotonicMs`), so Postgres' clock has stepped only if it differs by more than that.
   */
  observe(postgresMs: number, begunAt = this.#clocks.monotonicMs()): void {
    const monotonic = this.#clocks.monotonicMs();
    const wornMs = (monotonic - this.#monotonicMs) * DRIFT_MAX;
    const expected = this.now;
    const expectedMax = expected + this.#slackMs;
    const newest = postgresMs + monotonic - begunAt;
    const hasStepped =
      postgresMs - expectedMax > this.#skewMsMax || expected - newest > this.#skewMsMax;
    if (this.#postgresMs === 0 || hasStepped) {
      if (this.#postgresMs !== 0) this.#trustedSince = postgresMs;
      this.#postgresMs = postgresMs;
      this.#slackMs = newest - postgresMs;
    } else {
      // The answer that came fastest is the best; what it says wears out as clocks drift.
      this.#postgresMs = Math.max(postgresMs, expected - wornMs);
      this.#slackMs = Math.max(0, Math.min(newest, expectedMax + wornMs) - this.#postgresMs);
    }
    this.#monotonicMs = monotonic;
  }

  /** Makes `now` at most a second old. */
  async refresh(): Promise<void> {
    if (this.#clocks.monotonicMs() - this.#monotonicMs <= FRESH_MS) return;
    this.#asking ??= this.#askWell().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  /** An answer that was long on its way, as on a busy machine, says too little: once more then. */
  async #askWell(): Promise<void> {
    for (let tries = 0; tries < ASKS_MAX; tries++) {
      const begunAt = this.#clocks.monotonicMs();
      this.observe(await this.#ask(), begunAt);
      if (this.#clocks.monotonicMs() - begunAt < this.#skewMsMax / 4) return;
    }
  }

  /** Whole Unix milliseconds by Postgres' clock; this host's before the first answer. */
  get now(): number {
    if (this.#postgresMs === 0) return this.#clocks.wallMs();
    return Math.floor(this.#postgresMs + this.#clocks.monotonicMs() - this.#monotonicMs);
  }

  /** This host's clock minus Postgres', milliseconds. */
  get skewMs(): number {
    return this.#clocks.wallMs() - this.now;
  }

  /** Whether an irreversible step may be taken. */
  get agrees(): boolean {
    return this.#postgresMs !== 0 && Math.abs(this.skewMs) <= this.#skewMsMax;
  }

  /** What Postgres has dated before this, Unix milliseconds, was dated by another clock. */
  get trustedSince(): number {
    return this.#trustedSince;
  }

  /** Whether Postgres has dated this by the clock that it has now. */
  isTrusted(postgresMs: number): boolean {
    return postgresMs >= this.#trustedSince && postgresMs <= this.now + this.#skewMsMax;
  }
}
