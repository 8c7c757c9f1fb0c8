/**
 * The write-ahead log to Kafka: reads durable records in order, produces the bytes as they
 * are, and moves the checkpoint only past what Kafka has confirmed. A failed delivery or a
 * fatal error makes a new producer that starts again at the checkpoint: consumers see
 * repeats, never holes. While Kafka is away the log simply waits.
 */
import rdkafka, { type DeliveryReport, type LibrdKafkaError, type Producer } from 'node-rdkafka';
import type { EngineConfig } from '../core/config.js';
import type { DurableFile } from '../core/durable-file.js';
import type { Logger } from '../core/log.js';
import { formatOrigin, ORIGIN_HEADER, TOPICS } from '../core/topics.js';
import { producerSettings, producerTopicSettings } from '../kafka/client.js';
import { createTopics, topicSpecs } from '../kafka/topics-admin.js';
import { familyId } from '../store/families.js';
import type { Checkpoint } from './checkpoint.js';
import { DeliveryWindow } from './delivery-window.js';
import { WalFollower } from './wal-follower.js';
import type { WalPosition } from './wal-position.js';
import { RecordKind, type WriteBatchCursor } from './write-batch.js';

const WINDOW_MAX = 20_000;
const BATCHES_PER_TURN = 256;
const POLL_MS = 5;
const RETRY_MS = 500;
const CLOSE_MS_MAX = 3_000;

export interface PublisherParts {
  readonly config: EngineConfig;
  readonly dbDir: string;
  readonly volume: string;
  readonly checkpoint: DurableFile<Checkpoint>;
  readonly start: WalPosition;
  readonly durableSequence: () => number;
  readonly logger: Logger;
  /** After each checkpoint that is on disk. */
  readonly onCheckpoint: (checkpoint: Checkpoint) => void;
  /** Durable records are missing: the process must end. */
  readonly onFatal: (error: Error) => void;
}

export class CdcPublisher {
  readonly #parts: PublisherParts;
  readonly #topicOf: ReadonlyMap<number, string>;
  #tail: WalFollower;
  #window = new DeliveryWindow(WINDOW_MAX);
  #producer: Producer | undefined;
  #pumpScheduled = false;
  #stopped = false;
  #saveTimer: NodeJS.Timeout;
  published = 0;
  restarts = 0;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    this.#tail = new WalFollower(parts.dbDir, parts.start);
    this.#topicOf = new Map([
      [familyId('checkouts'), TOPICS.accepted],
      [familyId('commands'), TOPICS.accepted],
      [familyId('inbox'), TOPICS.webhooks],
    ]);
    this.#saveTimer = setInterval(() => this.#save(), parts.config.checkpointIntervalMs);
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#producer !== undefined;
  }

  /** Sequences that are durable and not yet confirmed by Kafka. */
  get lag(): number {
    return Math.max(0, this.#parts.durableSequence() + 1 - this.#lowWater().sequence);
  }

  /** Call whenever the durable sequence has grown. */
  wake(): void {
    if (this.#pumpScheduled || this.#stopped || !this.#producer) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  async close(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#saveTimer);
    const producer = this.#producer;
    if (producer) {
      await settledWithin(CLOSE_MS_MAX, (done) => producer.flush(CLOSE_MS_MAX, done));
      await settledWithin(CLOSE_MS_MAX, (done) => producer.disconnect(done));
    }
    this.#parts.checkpoint.saveSync({ ...this.#lowWater(), volume: this.#parts.volume });
    this.#tail.close();
  }

  #lowWater(): WalPosition {
    return this.#window.lowWater(this.#tail.position);
  }

  #pump(): void {
    const producer = this.#producer;
    if (!producer || this.#stopped) return;
    const durable = this.#parts.durableSequence();
    try {
      for (let i = 0; i < BATCHES_PER_TURN; i++) {
        if (this.#window.isFull || this.#window.open > WINDOW_MAX / 2) return;
        if (
          !this.#tail.readBatch(durable, (record, batch) => this.#publish(producer, record, batch))
        )
          return;
      }
    } catch (error) {
      this.#parts.onFatal(error as Error);
      return;
    }
    this.wake();
  }

  #publish(producer: Producer, record: WriteBatchCursor, batch: WalPosition): void {
    const topic = this.#topicOf.get(record.columnFamilyId);
    if (topic === undefined || record.kind !== RecordKind.put) return;
    const origin = {
      volume: this.#parts.volume,
      sequence: record.sequence,
      source: 'wal' as const,
    };
    const headers = [{ [ORIGIN_HEADER]: formatOrigin(origin) }];
    const ticket = this.#window.add(batch);
    // librdkafka copies the payload before produce returns; the reader's memory is used again.
    producer.produce(
      topic,
      null,
      record.value,
      record.key,
      null,
      { window: this.#window, ticket },
      headers,
    );
  }

  #onDelivery(error: LibrdKafkaError | null, report: DeliveryReport): void {
    const { window, ticket } = report.opaque as { window: DeliveryWindow; ticket: number };
    if (window !== this.#window) return;
    if (error) {
      this.#restart(`a delivery failed: ${error.message}`);
      return;
    }
    window.confirm(ticket);
    this.published++;
    if (window.open <= WINDOW_MAX / 4) this.wake();
  }

  #connect(): void {
    const { config, logger } = this.#parts;
    if (this.#stopped) return;
    createTopics(config.kafkaBrokers, topicSpecs(config), config.replication)
      .then(() => this.#connectProducer())
      .catch((error: Error) => {
        logger.warn(
          { reason: error.message },
          'Kafka is away: checkouts are accepted, publishing waits',
        );
        setTimeout(() => this.#connect(), RETRY_MS).unref();
      });
  }

  #connectProducer(): void {
    const { config, logger } = this.#parts;
    if (this.#stopped) return;
    const clientId = `tollgate-engine-${config.shard}`;
    const producer = new rdkafka.Producer(
      producerSettings(config.kafkaBrokers, clientId),
      producerTopicSettings(config.kafkaMessageTimeoutMs),
    );
    producer.on('delivery-report', (error, report) => this.#onDelivery(error, report));
    producer.on('event.error', (error) => {
      if (error.isFatal) this.#restart(`the producer failed: ${error.message}`);
      else logger.debug({ reason: error.message }, 'Kafka');
    });
    producer.once('ready', () => {
      producer.setPollInterval(POLL_MS);
      this.#producer = producer;
      this.wake();
    });
    producer.connect({ timeout: RETRY_MS * 10 }, (error) => {
      if (error) setTimeout(() => this.#connect(), RETRY_MS).unref();
    });
  }

  #restart(reason: string): void {
    const producer = this.#producer;
    if (!producer || this.#stopped) return;
    this.#producer = undefined;
    this.restarts++;
    const from = this.#lowWater();
    this.#parts.logger.warn(
      { reason, sequence: from.sequence },
      'a new producer starts again at the checkpoint',
    );
    this.#window = new DeliveryWindow(WINDOW_MAX);
    this.#tail.close();
    this.#tail = new WalFollower(this.#parts.dbDir, from);
    producer.disconnect();
    this.#connect();
  }

  #save(): void {
    const { checkpoint, volume, logger } = this.#parts;
    const position = this.#lowWater();
    checkpoint
      .save({ ...position, volume })
      .then(() => this.#parts.onCheckpoint({ ...position, volume }))
      .catch((error: Error) =>
        logger.error({ reason: error.message }, 'the checkpoint was not saved'),
      );
  }
}

/** Runs a callback function that may never call back. */
function settledWithin(ms: number, run: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    run(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
