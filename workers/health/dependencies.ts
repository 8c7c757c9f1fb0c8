/**
 * The availability of Kafka and Postgres for this processor, for /readyz, metrics and logs, judged
 * by the last fetch, delivery and query. The Postgres probe updates no row; it fails when the
 * database is read-only and when the payments table is locked.
 */
import type pg from 'pg';
import type { ProcessorConfig } from '../../engine/config/config.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { replaceableClient } from '../../engine/kafka/client-replacement.js';
import { DependencyHealth } from '../../engine/util/dependency-health.js';
import { FailureLog } from '../../engine/util/failure-log.js';
import type { Logger } from '../../engine/util/log.js';
import { openPool } from '../postgres/pool.js';
import { type WaitingPayments, waitingPayments } from '../postgres/waiting-payments.js';
import { WriteWatch } from '../postgres/write-reports.js';

const ANSWER_MS_MAX = 2_000;
const GAUGES_EVERY_MS = 10_000;
const WAITING = 'payments_waiting';
const PROBE = 'update payments set version = version where false';

/** A client of Kafka that can be asked, and replaced. */
export interface WatchedClient {
  /** Rejects when there is no answer. */
  probe(): Promise<void>;
  /** Goes on with a new client. */
  renew(reason: string): void;
}

export interface DependenciesParts {
  readonly config: Pick<ProcessorConfig, 'kafkaBrokers' | 'databaseUrl' | 'dependencyLostAfterMs'>;
  readonly consumer: WatchedClient;
  readonly producer: WatchedClient & { readonly isWaiting: boolean };
  readonly logger: Logger;
}

export class Dependencies {
  readonly consumer: DependencyHealth;
  readonly producer: DependencyHealth;
  readonly postgres: DependencyHealth;
  readonly #pool: pg.Pool;
  readonly #writes = new WriteWatch();
  readonly #gaugeLog: FailureLog;
  #timer: NodeJS.Timeout | undefined;
  #waiting: WaitingPayments | undefined;

  constructor({ config, consumer, producer, logger }: DependenciesParts) {
    const { kafkaBrokers, databaseUrl, dependencyLostAfterMs: lostAfterMs } = config;
    this.#pool = openPool(databaseUrl, 1, {
      connectionTimeoutMillis: ANSWER_MS_MAX,
      session: { statement_timeout: ANSWER_MS_MAX },
      query_timeout: ANSWER_MS_MAX,
    });
    const common = { lostAfterMs, logger };
    this.consumer = new DependencyHealth({
      ...common,
      name: 'kafka',
      use: 'reading payments',
      probe: () => consumer.probe(),
      client: replaceableClient(kafkaBrokers, TOPICS.accepted, (text) => consumer.renew(text)),
    });
    this.producer = new DependencyHealth({
      ...common,
      name: 'kafka',
      use: 'publishing statuses',
      probe: () => producer.probe(),
      isWaiting: () => producer.isWaiting,
      client: replaceableClient(kafkaBrokers, TOPICS.status, (text) => producer.renew(text)),
    });
    this.postgres = new DependencyHealth({
      ...common,
      name: 'postgres',
      use: 'payments; no provider is called meanwhile',
      probe: () => this.#pool.query(PROBE),
      isWaiting: () => this.#writes.isFailing,
    });
    this.#gaugeLog = new FailureLog(logger, 'counting what waits in Postgres', 'info');
  }

  /** Begins to count what waits; the tables must exist. */
  start(): void {
    this.#timer = setInterval(() => void this.#count(), GAUGES_EVERY_MS);
    void this.#count();
  }

  /** The names of those that do not answer. */
  notReady(): string[] {
    return [this.postgres, this.consumer, this.producer]
      .filter((dependency) => !dependency.isWell)
      .map((dependency) => dependency.name);
  }

  figures(): Record<string, number> {
    const figures: Record<string, number> = {
      kafka_connected: this.consumer.isWell && this.producer.isWell ? 1 : 0,
      postgres_connected: this.postgres.isWell ? 1 : 0,
    };
    if (this.#waiting === undefined) return figures;
    const { counts, oldestSeconds, unpublished, oldestUnpublishedSeconds } = this.#waiting;
    for (const [reason, count] of Object.entries(counts))
      figures[`${WAITING}{reason="${reason}"}`] = count;
    return {
      ...figures,
      payments_waiting_oldest_seconds: oldestSeconds,
      outbox_unpublished: unpublished,
      outbox_oldest_unpublished_seconds: oldestUnpublishedSeconds,
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const health of [this.consumer, this.producer, this.postgres]) health.stop();
    this.#writes.close();
    await this.#pool.end();
  }

  /** Never rejects; while Postgres does not answer the last counts stay. */
  async #count(): Promise<void> {
    try {
      this.#waiting = await waitingPayments(this.#pool);
      this.#gaugeLog.succeeded();
    } catch (error) {
      this.#gaugeLog.failed(error as Error);
    }
  }
}
