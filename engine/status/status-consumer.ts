/**
 * Consumes this shard's partition of `payments.status`, from the offset that the store holds. Each
 * record goes to the status lane together with the offset after it, so that both are written in
 * one batch. When the lane is full, the consumer stops reading. A record that cannot be decoded
 * only moves the offset. The topic's id is stored with the offset: a topic that was created again
 * is read from its beginning.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka, { type KafkaConsumer, type Message } from 'node-rdkafka';
import { paymentStatus } from '../codec/records.js';
import type { EngineConfig } from '../config/config.js';
import { TOPICS } from '../domain/topics.js';
import { MessageKind } from '../journal/messages.js';
import { clientSettings } from '../kafka/client.js';
import { replaceableClient } from '../kafka/client-replacement.js';
import { onRenewedIdentity } from '../kafka/identity.js';
import { askLeader } from '../kafka/probe.js';
import { topicIdentities } from '../kafka/topic-identity.js';
import { createTopics, topicSpecs } from '../kafka/topics-admin.js';
import { type LaneProducer, NO_SLOT } from '../ring/lane-producer.js';
import { DependencyHealth } from '../util/dependency-health.js';
import { EngineError } from '../util/errors.js';
import type { Logger } from '../util/log.js';
import { untilDone } from '../util/retry.js';
import { type StoredPosition, statusStart } from './status-position.js';

const BATCH_MAX = 500;
const POLL_MS = 250;
/** What has come together with the first record is taken with it; nothing waits for more. */
const GATHER_MS = 1;
const CONNECT_MS_MAX = 5_000;
const CLOSE_MS_MAX = 2_000;
const EMPTY = Buffer.alloc(0);

export interface StatusConsumerParts {
  readonly config: EngineConfig;
  readonly lane: LaneProducer;
  readonly stored: StoredPosition;
  /** The topic was made anew or lost its tail: statuses may be missing. */
  readonly onReborn: (reason: string) => void;
  readonly logger: Logger;
}

export class StatusConsumer {
  readonly #parts: StatusConsumerParts;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  readonly #identity = onRenewedIdentity(() => this.renew());
  #isRenewed = false;
  #consumer: KafkaConsumer | undefined;
  #roomy: (() => void) | undefined;
  #topic: string | undefined;
  #nextOffset: number;
  readonly health: DependencyHealth;
  #probedAt = -1;
  applied = 0;
  undecodable = 0;
  /** How often reading began again at the first record. */
  reborn = 0;
  /** The newest time that Kafka gave a record, Unix milliseconds; 0 before the first. */
  newestAppendMs = 0;

  constructor(parts: StatusConsumerParts) {
    this.#parts = parts;
    this.#topic = parts.stored.topic;
    this.#nextOffset = parts.stored.offset;
    this.health = new DependencyHealth({
      name: 'kafka',
      use: 'reading statuses',
      lostAfterMs: parts.config.dependencyLostAfterMs,
      logger: parts.logger,
      probe: () => this.#probe(),
      client: replaceableClient(parts.config.kafkaBrokers, TOPICS.status, () => this.renew()),
    });
  }

  /** Joins anew: with a renewed certificate, a topic that was made anew, or a stuck client. */
  renew(): void {
    this.#isRenewed = true;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Records of the partition that were not read yet, by the last fetch. */
  get lag(): number {
    try {
      const at = this.#consumer?.getWatermarkOffsets(TOPICS.status, this.#parts.config.shard);
      return Math.max(0, (at?.highOffset ?? 0) - this.#nextOffset);
    } catch {
      return 0;
    }
  }

  /** Call when answers were collected from the lane: there may be room again. */
  wake(): void {
    this.#roomy?.();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.health.stop();
    this.#identity.stop();
    this.wake();
    // A try to connect that is under way ends by itself, later.
    await Promise.race([this.#running, sleep(POLL_MS * 2)]);
    await this.#leave();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#isRenewed = false;
      const consumer = await this.#join();
      while (consumer && !signal.aborted && !this.#isRenewed) {
        const batch = await nextBatch(consumer, this.#parts.logger);
        if (batch.length > 0) this.health.succeeded();
        for (const message of batch) await this.#put(message);
        this.#parts.lane.publish();
      }
      if (this.#isRenewed) await this.#leave();
    }
  }

  /** @returns undefined when it is to stop before Kafka is there */
  async #join(): Promise<KafkaConsumer | undefined> {
    const { config, logger } = this.#parts;
    const connect = async (): Promise<void> => {
      await this.#leave();
      await createTopics(config.kafkaBrokers, topicSpecs(config), config.replication);
      const topic = await statusTopicId(config.kafkaBrokers);
      this.#consumer = await connected(config.kafkaBrokers);
      const { highOffset } = await askLeader(this.#consumer, TOPICS.status, config.shard);
      await this.#begin(topic, highOffset);
    };
    await untilDone('payments.status', connect, logger, this.#stop.signal);
    if (this.#stop.signal.aborted) return undefined;
    const position = { topic: TOPICS.status, partition: config.shard, offset: this.#nextOffset };
    this.#consumer?.assign([position]);
    if (this.#consumer) this.health.succeeded();
    return this.#consumer;
  }

  async #begin(topic: string, highOffset: number): Promise<void> {
    const stored = { topic: this.#topic, offset: this.#nextOffset };
    const { offset, reborn } = statusStart(stored, topic, highOffset);
    if (topic !== this.#topic || reborn !== undefined) {
      if (reborn !== undefined) this.#beginsAgain(reborn);
      await this.#hand(MessageKind.statusTopic, Buffer.from(topic), EMPTY, offset);
      this.#parts.lane.publish();
    }
    this.#topic = topic;
    this.#nextOffset = offset;
  }

  #beginsAgain(reason: string): void {
    this.reborn++;
    const line = 'payments.status is read again from its first record; repeats change nothing';
    this.#parts.logger.error({ reason, offset: this.#nextOffset }, line);
    this.#parts.onReborn(`payments.status: ${reason}`);
  }

  /** Rejects also when records wait, none is read, and the lane has room. */
  async #probe(): Promise<void> {
    const before = this.#probedAt;
    this.#probedAt = this.#nextOffset;
    if (!this.#consumer) throw new Error('not connected');
    const { highOffset } = await askLeader(this.#consumer, TOPICS.status, this.#parts.config.shard);
    const isStuck = highOffset > this.#nextOffset && this.#nextOffset === before;
    if (isStuck && !this.#roomy)
      throw new Error(`${highOffset - this.#nextOffset} records wait and none is read`);
  }

  async #leave(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    if (!consumer) return;
    const left = new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
    await Promise.race([left, sleep(CLOSE_MS_MAX)]);
  }

  async #put(message: Message): Promise<void> {
    // Only a partition that has lost its tail goes back: librdkafka begins it again.
    if (message.offset < this.#nextOffset)
      this.#beginsAgain(`offset ${message.offset} came after ${this.#nextOffset - 1}`);
    this.#nextOffset = message.offset + 1;
    this.newestAppendMs = Math.max(this.newestAppendMs, message.timestamp ?? 0);
    const value = this.#checked(message);
    const key = value.length === 0 ? EMPTY : Buffer.from(message.key as Buffer);
    await this.#hand(MessageKind.status, key, value, message.offset + 1);
    this.applied++;
  }

  /** To the writer, as soon as the lane has room. */
  async #hand(kind: number, key: Buffer, value: Buffer, offset: number): Promise<void> {
    const { lane } = this.#parts;
    let slot = lane.claim(key.length + value.length);
    while (slot === NO_SLOT) {
      lane.publish();
      await this.#room();
      if (this.#stop.signal.aborted) return;
      slot = lane.claim(key.length + value.length);
    }
    const start = lane.payloadStart(slot);
    lane.memory.bytes.set(key, start);
    lane.memory.bytes.set(value, start + key.length);
    lane.memory.setDetail(slot, offset);
    lane.commit(slot, kind, key.length, value.length);
  }

  #checked(message: Message): Buffer {
    try {
      const value = message.value ?? EMPTY;
      paymentStatus.decode(value);
      const bytes = (message.key?.length ?? 0) + value.length;
      if (message.key && bytes <= this.#parts.lane.messageBytesMax) return value;
    } catch {
      // Counted below: no reader could use it either.
    }
    this.undecodable++;
    this.#parts.logger.error({ offset: message.offset }, 'a status record does not decode');
    return EMPTY;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomy = () => {
        this.#roomy = undefined;
        resolve();
      };
    });
  }
}

async function statusTopicId(brokers: string): Promise<string> {
  const topic = (await topicIdentities(brokers, [TOPICS.status])).get(TOPICS.status);
  if (topic !== undefined) return topic.id;
  const text = `${TOPICS.status} is not there yet, or this process may not DESCRIBE it`;
  throw new EngineError('kafka_away', text, { canRetry: true });
}

function connected(brokers: string): Promise<KafkaConsumer> {
  const consumer = new rdkafka.KafkaConsumer(
    {
      ...clientSettings(brokers, 'tollgate-status'),
      'group.id': 'tollgate-status',
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'queued.max.messages.kbytes': 4_096,
    },
    { 'auto.offset.reset': 'earliest' },
  );
  return new Promise((resolve, reject) =>
    consumer.connect({ timeout: CONNECT_MS_MAX }, (error) =>
      error ? reject(error) : resolve(consumer),
    ),
  );
}

async function nextBatch(consumer: KafkaConsumer, logger: Logger): Promise<Message[]> {
  try {
    const first = await consumed(consumer, 1, POLL_MS);
    if (first.length === 0) return first;
    // An error comes again at the next call; what was taken must not be lost to it.
    const more = await consumed(consumer, BATCH_MAX, GATHER_MS).catch(() => []);
    return [...first, ...more];
  } catch (error) {
    logger.debug({ reason: (error as Error).message }, 'payments.status');
    await sleep(POLL_MS);
    return [];
  }
}

/** Waits so long for each of them, not for all. */
function consumed(consumer: KafkaConsumer, countMax: number, ms: number): Promise<Message[]> {
  consumer.setDefaultConsumeTimeout(ms);
  return new Promise((resolve, reject) =>
    consumer.consume(countMax, (error, messages) => (error ? reject(error) : resolve(messages))),
  );
}
