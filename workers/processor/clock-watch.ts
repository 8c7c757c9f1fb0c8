/** Watches how far this host's clock is from Postgres': for the metrics, the log, and what is held. */
import type { Logger } from '../../engine/core/log.js';
import type { RecordTimes } from '../payment/tasks.js';
import type { PostgresClock } from '../postgres/clock.js';

const LOOK_MS = 1_000;

export class ClockWatch {
  readonly #clock: PostgresClock;
  readonly #skewMsMax: number;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  #isDiffering = false;
  /** Records whose engine and Kafka dated them too differently. */
  #oddRecords = 0;
  /** While Postgres is away. */
  #isLooking = false;

  constructor(clock: PostgresClock, skewMsMax: number, logger: Logger) {
    this.#clock = clock;
    this.#skewMsMax = skewMsMax;
    this.#logger = logger;
    this.#timer = setInterval(
      () =>
        this.#look().catch((error: Error) =>
          logger.warn({ reason: error.message }, 'the clock of Postgres is not known'),
        ),
      LOOK_MS,
    );
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  heard({ appendedAt, sentAt }: RecordTimes): void {
    if (appendedAt === null || sentAt === null) return;
    if (Math.abs(appendedAt - sentAt) > this.#skewMsMax) this.#oddRecords++;
  }

  figures(): Record<string, number> {
    return {
      processor_engine_clock_differs_total: this.#oddRecords,
      processor_clock_skew_ms: Math.round(this.#clock.skewMs),
      processor_clocks_differ: this.#isDiffering ? 1 : 0,
    };
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    await this.#clock.refresh().finally(() => {
      this.#isLooking = false;
    });
    const isDiffering = !this.#clock.agrees;
    if (isDiffering === this.#isDiffering) return;
    this.#isDiffering = isDiffering;
    const skewMs = Math.round(this.#clock.skewMs);
    if (isDiffering)
      this.#logger.error(
        { skewMs },
        'this clock and that of Postgres differ: nothing is sent or expired until they agree',
      );
    else this.#logger.warn({ skewMs }, 'this clock and that of Postgres agree again');
  }
}
