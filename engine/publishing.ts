/**
 * All ways from the store to Kafka: the write-ahead log, the rescan of the tables, the
 * sweeper. With `TOLLGATE_CDC=off` there is none of them.
 */
import { join } from 'node:path';
import { checkKafkaTail } from './cdc/kafka-tail.js';
import { CdcPublisher } from './cdc/publisher.js';
import { type CdcStart, cdcStart } from './cdc/start.js';
import type { EngineConfig } from './core/config.js';
import { DependencyHealth } from './core/dependency-health.js';
import { EngineError } from './core/errors.js';
import type { Logger } from './core/log.js';
import { onRenewedIdentity } from './kafka/identity.js';
import type { Marks } from './marks.js';
import { Rescan } from './rescan.js';
import { Store } from './store/store.js';
import { Sweeper } from './sweeper.js';
import { isEmpty, type Volume } from './volume.js';

const TAIL_CHECK_MS_MAX = 3_000;

export interface PublishingParts {
  readonly config: EngineConfig;
  readonly store: Store;
  readonly volume: Volume;
  readonly marks: Marks;
  readonly logger: Logger;
  readonly onFatal: (reason: string) => void;
}

export class Publishing {
  readonly #parts: PublishingParts;
  readonly #start: CdcStart;
  /** The database's last sequence when it was opened. */
  readonly #opened: number;
  readonly #isEmpty: boolean;
  #isTailChecked = false;
  #publisher: CdcPublisher | undefined;
  #health: DependencyHealth | undefined;
  #identity: { stop(): void } | undefined;
  #rescan: Rescan | undefined;
  #sweeper: Sweeper | undefined;

  private constructor(parts: PublishingParts) {
    const { config, store, marks } = parts;
    this.#parts = parts;
    this.#opened = store.sequence;
    this.#isEmpty = isEmpty(store);
    const dbDir = Store.directory(config.dataDir);
    const checkpoint = config.acceptLoss ? undefined : marks.checkpoint.load();
    this.#start = cdcStart(dbDir, store.sequence, checkpoint, config.acceptLoss);
  }

  /**
   * Before anything is accepted: finds where to begin, and asks Kafka whether this is an old
   * copy of the volume. While Kafka is away that question waits for the first connection.
   */
  static async prepare(parts: PublishingParts): Promise<Publishing> {
    const { config, marks, volume, store } = parts;
    const publishing = new Publishing(parts);
    if (config.acceptLoss) {
      marks.checkpoint.saveSync({ ...publishing.#start.position, volume: volume.id });
      marks.saveSync(volume.id, store.sequence);
    }
    if (config.cdc === 'on') await publishing.#askKafkaNow();
    return publishing;
  }

  start(durableSequence: () => number): void {
    const { config, store, volume, marks, logger, onFatal } = this.#parts;
    if (config.cdc === 'off') return;
    const publisher: CdcPublisher = new CdcPublisher({
      config,
      dbDir: Store.directory(config.dataDir),
      volume: volume.id,
      checkpoint: marks.checkpoint,
      start: this.#start.position,
      durableSequence,
      beforeFirst: () => this.#askKafka(),
      logger,
      onAnswer: () => this.#health?.succeeded(),
      onCheckpoint: (checkpoint) => marks.forgetConsumed(checkpoint),
      onFatal: (error) => onFatal(error.message),
    });
    this.#publisher = publisher;
    this.#health = new DependencyHealth({
      name: 'kafka',
      use: 'publishing; checkouts are accepted meanwhile',
      lostAfterMs: config.dependencyLostAfterMs,
      logger,
      probe: () => publisher.probe(),
      isWaiting: () => publisher.isWaiting,
    });
    this.#identity = onRenewedIdentity(() => publisher.restart('the certificate was renewed'));
    const file = join(config.dataDir, 'rescan.json');
    this.#rescan = new Rescan({ file, store, publisher, logger });
    this.#rescan.start(this.#start.rescan);
    this.#sweeper = new Sweeper(store, publisher, config.sweepAfterMs, logger);
  }

  wake(): void {
    this.#publisher?.wake();
  }

  /** Unix milliseconds: Kafka has all that was durable then. */
  get caughtUpAt(): number {
    return this.#publisher?.caughtUpAt ?? 0;
  }

  figures(): Record<string, number> {
    return {
      cdc_published_total: this.#publisher?.published ?? 0,
      cdc_restarts_total: this.#publisher?.restarts ?? 0,
      cdc_lag_sequences: this.#publisher?.lag ?? 0,
      cdc_connected: this.#health?.isWell ? 1 : 0,
      cdc_rescans_total: this.#rescan?.begun ?? 0,
      cdc_rescanning: this.#rescan?.isRunning ? 1 : 0,
      cdc_rescanned_total: this.#rescan?.republished ?? 0,
      cdc_swept_total: this.#sweeper?.swept ?? 0,
    };
  }

  async close(): Promise<void> {
    this.#health?.stop();
    this.#identity?.stop();
    this.#sweeper?.stop();
    this.#rescan?.stop();
    await this.#publisher?.close();
  }

  async #askKafkaNow(): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, TAIL_CHECK_MS_MAX).unref());
    try {
      await Promise.race([this.#askKafka(), late]);
    } catch (error) {
      if (error instanceof EngineError && !error.canRetry) throw error;
      // Kafka is away: asked again before the first record goes out.
    }
  }

  async #askKafka(): Promise<void> {
    if (this.#isTailChecked) return;
    const { kafkaBrokers, partitions, shard, acceptLoss } = this.#parts.config;
    await checkKafkaTail({
      kafkaBrokers,
      partitions,
      shard,
      volume: this.#parts.volume.id,
      sequence: this.#opened,
      isEmpty: this.#isEmpty && !acceptLoss,
    });
    this.#isTailChecked = true;
  }
}
