/**
 * Owns all three paths from the store to Kafka: the publisher of the write-ahead log, the rescan
 * of the tables, and the sweeper. `TOLLGATE_CDC=off` disables all of them.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineConfig } from '../config/config.js';
import { PROCESSOR_GROUP, TOPICS } from '../domain/topics.js';
import { assertReachable } from '../kafka/client.js';
import { replaceableClient } from '../kafka/client-replacement.js';
import { groupProgress } from '../kafka/group-progress.js';
import { onRenewedIdentity } from '../kafka/identity.js';
import { topicIdentities } from '../kafka/topic-identity.js';
import { TopicWatch } from '../kafka/topic-watch.js';
import { createTopics, topicSpecs } from '../kafka/topics-admin.js';
import { META_KAFKA_TOPICS } from '../store/families.js';
import { Store } from '../store/store.js';
import { DependencyHealth } from '../util/dependency-health.js';
import type { Logger } from '../util/log.js';
import type { Volume } from '../volume/volume.js';
import type { VolumeCheck } from '../volume/volume-check.js';
import { checkKafkaTail } from './kafka-tail.js';
import { CdcPublisher } from './publisher.js';
import { Rescan } from './rescan.js';
import { type CdcStart, cdcStart } from './start.js';
import { Sweeper } from './sweeper.js';
import type { Marks } from './wal-states.js';

const CHECK_PAUSE_MS = 250;
/** The status consumer stores and compares the id of payments.status itself. */
const PUBLISHED = [TOPICS.accepted, TOPICS.webhooks];

export interface PublishingParts {
  readonly config: EngineConfig;
  readonly store: Store;
  readonly volume: Volume;
  readonly check: VolumeCheck;
  readonly marks: Marks;
  readonly logger: Logger;
  readonly onFatal: (reason: string) => void;
}

export interface Surroundings {
  readonly durableSequence: () => number;
  /** Every status that was published is applied here. */
  readonly statusesAreRead: () => boolean;
  /** A topic was deleted or made anew while the engine runs. */
  readonly onTopicsChanged: () => void;
}

export class Publishing {
  readonly #parts: PublishingParts;
  readonly #start: CdcStart;
  #publisher: CdcPublisher | undefined;
  #health: DependencyHealth | undefined;
  #identity: { stop(): void } | undefined;
  #watch: TopicWatch | undefined;
  #rescan: Rescan | undefined;
  #sweeper: Sweeper | undefined;

  private constructor(parts: PublishingParts) {
    const { config, store, marks } = parts;
    this.#parts = parts;
    const dbDir = Store.directory(config.dataDir);
    const checkpoint = config.acceptLoss ? undefined : marks.checkpoint.load();
    this.#start = cdcStart(dbDir, store.sequence, checkpoint, config.acceptLoss);
  }

  /**
   * Before anything is accepted: finds where to begin, and compares the volume with Kafka for
   * as long as a broker listens, at most TOLLGATE_VOLUME_CHECK_MS. While Kafka is away the
   * volume stays unchecked until the first connection.
   * Rejects with the refusal of the volume.
   */
  static async prepare(parts: PublishingParts): Promise<Publishing> {
    const { config, marks, volume, store } = parts;
    const publishing = new Publishing(parts);
    if (config.acceptLoss) {
      marks.checkpoint.saveSync({ ...publishing.#start.position, volume: volume.id });
      marks.saveSync(volume.id, store.sequence);
    }
    if (config.cdc === 'on') await publishing.#checkVolumeNow();
    return publishing;
  }

  start({ durableSequence, statusesAreRead, onTopicsChanged }: Surroundings): void {
    const { config, store, volume, check, marks, logger, onFatal } = this.#parts;
    if (config.cdc === 'off') return;
    const publisher: CdcPublisher = new CdcPublisher({
      config,
      dbDir: Store.directory(config.dataDir),
      volume: volume.id,
      checkpoint: marks.checkpoint,
      start: this.#start.position,
      durableSequence,
      beforePublishing: () => this.#checkVolume().then(() => this.#compareTopics()),
      onRegistered: () => check.registered(),
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
      client: replaceableClient(config.kafkaBrokers, TOPICS.accepted, (text) =>
        publisher.restart(text),
      ),
    });
    this.#identity = onRenewedIdentity(() => publisher.restart('the certificate was renewed'));
    const file = join(config.dataDir, 'rescan.json');
    this.#rescan = new Rescan({ file, store, publisher, logger });
    this.#rescan.start(this.#start.rescan);
    const watched = topicSpecs(config).map((spec) => spec.name);
    this.#watch = new TopicWatch(config.kafkaBrokers, watched, config.topicLookMs, (gone, anew) => {
      const names = [...gone, ...anew];
      logger.error({ topics: names }, 'topics were deleted or made anew: clients join again');
      publisher.restart(`topics were deleted or made anew: ${names.join(', ')}`);
      onTopicsChanged();
    });
    const { kafkaBrokers: brokers, sweepAfterMs: afterMs } = config;
    const progress = () => groupProgress(brokers, PROCESSOR_GROUP, TOPICS.accepted);
    this.#sweeper = new Sweeper({ afterMs, store, publisher, progress, statusesAreRead, logger });
  }

  /** Publishes again what has no terminal status. */
  rescan(reason: string): void {
    this.#rescan?.start(reason);
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
      volume_unchecked: this.#parts.check.isPassed ? 0 : 1,
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
    this.#watch?.stop();
    this.#sweeper?.stop();
    this.#rescan?.stop();
    await this.#publisher?.close();
  }

  async #checkVolumeNow(): Promise<void> {
    const { config, logger } = this.#parts;
    const giveUpAt = performance.now() + config.volumeCheckMs;
    for (;;) {
      const reason = await this.#tryCheck(giveUpAt - performance.now());
      if (reason === undefined) return;
      const isListening = await assertReachable(config.kafkaBrokers).then(
        () => true,
        () => false,
      );
      if (!isListening || performance.now() >= giveUpAt) {
        const line =
          'Kafka does not answer: checkouts are accepted, and the volume is compared with Kafka before the first record goes out';
        logger.warn({ reason }, line);
        return;
      }
      await sleep(CHECK_PAUSE_MS);
    }
  }

  /** @returns why the check could not be made; undefined: it has passed. Rejects with a refusal. */
  async #tryCheck(msMax: number): Promise<string | undefined> {
    const { kafkaBrokers, replication } = this.#parts.config;
    const specs = topicSpecs(this.#parts.config);
    const checked = createTopics(kafkaBrokers, specs, replication).then(() => this.#checkVolume());
    // One that ends after its time is made again at the first connection.
    checked.catch(() => {});
    const late = sleep(msMax, 'Kafka did not answer in time', { ref: false });
    try {
      return (await Promise.race([checked, late])) ?? undefined;
    } catch (error) {
      if (this.#parts.check.isRefusal(error)) throw error;
      return (error as Error).message;
    }
  }

  /** Once passed, it is passed. The topics must exist. */
  async #checkVolume(): Promise<void> {
    const { check, config } = this.#parts;
    if (check.isPassed) return;
    const { kafkaBrokers, shard, dataDir, checkpointIntervalMs } = config;
    try {
      await checkKafkaTail({
        kafkaBrokers,
        shard,
        dataDir,
        checkpointIntervalMs,
        ...check.subject,
      });
    } catch (error) {
      if (check.isRefusal(error)) check.refuse(error);
      throw error;
    }
    check.pass();
  }

  /** What stood in topics that were made anew is gone: without a terminal status it is published again. */
  async #compareTopics(): Promise<void> {
    const { store, config } = this.#parts;
    const found = await topicIdentities(config.kafkaBrokers, PUBLISHED);
    const stored = store.get('meta', META_KAFKA_TOPICS)?.toString() ?? '{}';
    const known = JSON.parse(stored) as Record<string, string>;
    const reborn = [...found.values()].filter(
      (identity) => (known[identity.name] ?? identity.id) !== identity.id,
    );
    if (reborn.length > 0)
      this.rescan(`Kafka's ${reborn.map((identity) => identity.name).join(', ')} were made anew`);
    const now = { ...known };
    for (const { name, id } of found.values()) now[name] = id;
    const text = JSON.stringify(now);
    if (text === stored) return;
    // After the rescan is durable: a crash in between begins it again.
    const batch = store.batch();
    batch.put('meta', META_KAFKA_TOPICS, Buffer.from(text));
    batch.write();
  }
}
