/**
 * Measures the offset between this host's clock and Postgres' clock, for metrics and logs. When
 * Postgres' clock has stepped, it reschedules work whose due time was set by the former clock.
 */
import type { Logger } from '../../engine/util/log.js';
import { monotonicMs, type PostgresClock } from '../postgres/clock.js';
import type { RecordTimes } from '../tasks.js';

const LOOK_MS = 1_000;
/** By then the statements that took their time before the step have ended. */
const STEPPED_AFTER_MS = 5_000;

export class ClockWatch {
  readonly #clock: PostgresClock;
  readonly #skewMsMax: number;
  readonly #logger: Logger;
  readonly #makeDueAgain: () => Promise<number>;
  readonly #timer: NodeJS.Timeout;
  #isDiffering = false;
  /** Records whose engine and Kafka dated them too differently. */
  #oddRecords = 0;
  /** While Postgres is away. */
  #isLooking = false;
  #trustedSince = 0;
  /** When the last step is answered, by `monotonicMs`. */
  #dueAgainAt = Number.POSITIVE_INFINITY;

  /** @param makeDueAgain resolves with the number of rows that it changed */
  constructor(
    clock: PostgresClock,
    skewMsMax: number,
    logger: Logger,
    makeDueAgain: () => Promise<number>,
  ) {
    this.#clock = clock;
    this.#skewMsMax = skewMsMax;
    this.#logger = logger;
    this.#makeDueAgain = makeDueAgain;
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
    await this.#answerStep();
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

  async #answerStep(): Promise<void> {
    const { trustedSince } = this.#clock;
    const now = monotonicMs();
    if (trustedSince !== this.#trustedSince) {
      this.#trustedSince = trustedSince;
      this.#dueAgainAt = now + STEPPED_AFTER_MS;
    }
    if (now < this.#dueAgainAt) return;
    this.#dueAgainAt = Number.POSITIVE_INFINITY;
    try {
      const rows = await this.#makeDueAgain();
      this.#logger.warn({ rows }, 'the clock of Postgres has stepped: what waits is due again');
    } catch (error) {
      this.#dueAgainAt = now;
      const reason = (error as Error).message;
      this.#logger.warn(
        { reason },
        'what waits was not made due after a step of Postgres: again soon',
      );
    }
  }
}
