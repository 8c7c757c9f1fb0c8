/**
 * Publishes the write-ahead log to Kafka: reads durable records in order, produces their bytes
 * unchanged, and moves the checkpoint only past records that Kafka has confirmed. After a failed
 * delivery or a fatal error it creates a new producer and starts again at the checkpoint, so
 * consumers may see repeats but never a gap. While Kafka is unreachable the log grows and nothing
 * is lost.
 */
import type { DeliveryReport, LibrdKafkaError, MessageHeader, Producer } from 'node-rdkafka';
import { type OriginSource, recordHeaders, TOPICS } from '../domain/topics.js';
import { askForTopic } from '../kafka/probe.js';
import { createTopics, topicSpecs } from '../kafka/topics-admin.js';
import { type Family, familyId } from '../store/families.js';
import { EngineError } from '../util/errors.js';
import { settledWithin } from '../util/with-timeout.js';
import { type RecordAside, type Repeat, Repeats } from '../volume/republications.js';
import { RegisterWriter } from '../volume/volume-register.js';
import { PollPace } from '../wal/poll-pace.js';
import { WalFollower } from '../wal/wal-follower.js';
import type { WalPosition } from '../wal/wal-position.js';
import { RecordKind, type WriteBatchCursor } from '../wal/write-batch.js';
import { CheckpointSaver } from './checkpoint-saver.js';
import { DeliveryWindow } from './delivery-window.js';
import { kafkaKey } from './kafka-key.js';
import { openProducer } from './producer.js';
import type { PublisherParts } from './publisher-options.js';

const WINDOW_MAX = 20_000;
const BATCHES_PER_TURN = 256;
const RETRY_MS = 500;
const CLOSE_MS_MAX = 3_000;
const STALL_LOOK_MS = 500;

export class CdcPublisher {
  readonly #parts: PublisherParts;
  readonly #topicOf: ReadonlyMap<number, string>;
  #tail: WalFollower;
  #window = new DeliveryWindow(WINDOW_MAX);
  #producer: Producer | undefined;
  readonly #repeats = new Repeats();
  readonly #register: RegisterWriter;
  #pace: PollPace | undefined;
  /** Why there is no producer. */
  #problem = 'not connected yet';
  #isUnreadable = false;
  #pumpScheduled = false;
  #stopped = false;
  readonly #checkpoints: CheckpointSaver;
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
    this.#register = new RegisterWriter({
      volume: parts.volume,
      shard: parts.config.shard,
      send: (record) => this.#produceAside(record, []),
      onEntered: parts.onRegistered,
    });
    this.#checkpoints = new CheckpointSaver({
      file: parts.checkpoint,
      volume: parts.volume,
      intervalMs: parts.config.checkpointIntervalMs,
      lowWater: () => this.#lowWater(),
      durableSequence: parts.durableSequence,
      onSaved: (checkpoint) => {
        parts.onCheckpoint(checkpoint);
        void this.#register.enter(checkpoint.sequence - 1);
      },
      logger: parts.logger,
    });
    this.#connect();
  }

  /** Unix milliseconds: all that was durable then is delivered. */
  get caughtUpAt(): number {
    return this.#checkpoints.caughtUpAt;
  }

  /** Records were handed to Kafka and are not confirmed. */
  get isWaiting(): boolean {
    return this.#window.open + this.#repeats.count > 0;
  }

  /** One request to Kafka by the producer. Rejects when it is not answered. */
  async probe(): Promise<void> {
    if (!this.#producer) throw kafkaAway(this.#problem);
    await askForTopic(this.#producer, TOPICS.accepted);
  }

  /** Sequences that are durable and not yet confirmed by Kafka. */
  get lag(): number {
    return Math.max(0, this.#parts.durableSequence() + 1 - this.#lowWater().sequence);
  }

  /**
   * Publishes a stored row once more. Resolves when it is delivered; rejects when Kafka is
   * away or the producer had to be started again.
   */
  republish(
    family: Family,
    key: Buffer,
    value: Buffer,
    source: Exclude<OriginSource, 'wal'>,
  ): Promise<void> {
    const topic = this.#topicOf.get(familyId(family));
    if (!topic || this.#stopped) return Promise.reject(kafkaAway('the engine stops'));
    const headers = recordHeaders({ volume: this.#parts.volume, sequence: 0, source });
    const record = { topic, partition: null, key: kafkaKey(topic, key, value), value };
    return this.#produceAside(record, headers);
  }

  /** Outside the log's order. */
  #produceAside(record: RecordAside, headers: MessageHeader[]): Promise<void> {
    const producer = this.#producer;
    if (!producer) return Promise.reject(kafkaAway(this.#problem));
    const { topic, partition, key, value } = record;
    this.#pace?.busy();
    return this.#repeats.add((repeat) => {
      producer.produce(topic, partition, value, key, null, { repeat }, headers);
    });
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
    this.#checkpoints.stop();
    const producer = this.#producer;
    if (producer) {
      await settledWithin(CLOSE_MS_MAX, (done) => producer.flush(CLOSE_MS_MAX, done));
      const entered = this.#register.enter(this.#lowWater().sequence - 1, true);
      await settledWithin(CLOSE_MS_MAX / 3, (done) => void entered.then(done));
      await settledWithin(CLOSE_MS_MAX, (done) => producer.disconnect(done));
    }
    this.#checkpoints.saveSync();
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
        ) {
          this.#lookAgain(durable);
          return;
        }
        this.#isUnreadable = false;
      }
    } catch (error) {
      this.#onUnreadable(error as Error);
      return;
    }
    this.wake();
  }

  /** A lack of file descriptors passes; a log that is damaged or incomplete does not. */
  #onUnreadable(error: Error): void {
    if (!(error instanceof EngineError && error.canRetry)) {
      this.#parts.onFatal(error);
      return;
    }
    const line = 'the log cannot be read now; reading is tried again';
    if (!this.#isUnreadable) this.#parts.logger.warn({ reason: error.message }, line);
    this.#isUnreadable = true;
    this.#tail.close();
    setTimeout(() => this.wake(), RETRY_MS).unref();
  }

  /** What is durable and cannot be read is looked for again, also when nothing new comes. */
  #lookAgain(durable: number): void {
    if (this.#tail.position.sequence > durable) return;
    setTimeout(() => this.wake(), STALL_LOOK_MS).unref();
  }

  #publish(producer: Producer, record: WriteBatchCursor, batch: WalPosition): void {
    const topic = this.#topicOf.get(record.columnFamilyId);
    if (topic === undefined || record.kind !== RecordKind.put) return;
    const origin = {
      volume: this.#parts.volume,
      sequence: record.sequence,
      source: 'wal' as const,
    };
    const ticket = this.#window.add(batch);
    this.#pace?.busy();
    // librdkafka copies the payload before produce returns; the reader's memory is used again.
    producer.produce(
      topic,
      null,
      record.value,
      kafkaKey(topic, record.key, record.value),
      null,
      { window: this.#window, ticket },
      recordHeaders(origin, this.#checkpoints.waitedMsMax),
    );
  }

  #onDelivery(error: LibrdKafkaError | null, report: DeliveryReport): void {
    const { window, ticket, repeat } = report.opaque as {
      window: DeliveryWindow;
      ticket: number;
      repeat?: Repeat;
    };
    if (repeat) this.#repeats.settle(repeat, error);
    if (repeat || window !== this.#window) return;
    if (error) {
      this.restart(`a delivery failed: ${error.message}`);
      return;
    }
    window.confirm(ticket);
    this.published++;
    this.#parts.onAnswer();
    if (window.open <= WINDOW_MAX / 4) this.wake();
  }

  #connect(): void {
    const { config } = this.#parts;
    if (this.#stopped) return;
    createTopics(config.kafkaBrokers, topicSpecs(config), config.replication)
      .then(() => this.#parts.beforePublishing())
      .then(() => this.#connectProducer())
      .catch((error: Error) => {
        if (error instanceof EngineError && !error.canRetry) return this.#parts.onFatal(error);
        this.#problem = error.message;
        setTimeout(() => this.#connect(), RETRY_MS).unref();
      });
  }

  #connectProducer(): void {
    if (this.#stopped) return;
    openProducer(this.#parts.config, this.#parts.logger, {
      onReady: (producer) => {
        this.#producer = producer;
        this.#pace = new PollPace(producer, () => this.isWaiting);
        this.#parts.onAnswer();
        this.wake();
      },
      onDelivery: (error, report) => this.#onDelivery(error, report),
      onFailed: (reason) => this.restart(reason),
      onNotConnected: () => setTimeout(() => this.#connect(), RETRY_MS).unref(),
    });
  }

  /** A new producer, from the checkpoint: after a failure, or for a renewed certificate. */
  restart(reason: string): void {
    const producer = this.#producer;
    if (!producer || this.#stopped) return;
    this.#producer = undefined;
    this.restarts++;
    this.#repeats.rejectAll(reason);
    this.#register.forget();
    const from = this.#lowWater();
    const at = { reason, sequence: from.sequence };
    this.#parts.logger.warn(at, 'a new producer starts again at the checkpoint');
    this.#window = new DeliveryWindow(WINDOW_MAX);
    this.#tail.close();
    this.#tail = new WalFollower(this.#parts.dbDir, from);
    producer.disconnect();
    this.#connect();
  }
}

function kafkaAway(reason: string): EngineError {
  return new EngineError('kafka_away', reason, { canRetry: true });
}
