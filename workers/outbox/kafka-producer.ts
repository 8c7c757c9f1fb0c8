/**
 * Sends records to Kafka and resolves when they are delivered. Idempotent, acks=all, no time-out:
 * while Kafka is unreachable the promise waits. A failed connection attempt is repeated with a new
 * client until the producer is closed. A stuck client is replaced, and its undelivered records are
 * sent again in order. A fatal producer error ends the process; the restart begins again from
 * committed state.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka, { type LibrdKafkaError, type Producer } from 'node-rdkafka';
import { TOPICS } from '../../engine/domain/topics.js';
import {
  assertReachable,
  producerSettings,
  producerTopicSettings,
} from '../../engine/kafka/client.js';
import { askForTopic } from '../../engine/kafka/probe.js';
import type { Logger } from '../../engine/util/log.js';
import { untilDone } from '../../engine/util/retry.js';

const POLL_MS = 5;
const CLOSE_MS_MAX = 2_000;

export interface OutgoingRecord {
  readonly topic: string;
  /** null: by the key's hash. */
  readonly partition: number | null;
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface SenderOptions {
  readonly brokers: string;
  /** One connection attempt may take this long; there is no limit to the number of attempts. */
  readonly connectMsMax: number;
  readonly logger: Logger;
  readonly onDelivered: () => void;
  readonly onFatal: (reason: string) => void;
}

/** A record that was given to Kafka and is not delivered. */
interface Open {
  readonly record: OutgoingRecord;
  readonly settle: (error: LibrdKafkaError | null) => void;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #stop = new AbortController();
  #connected: Promise<void>;
  #producer: Producer | undefined;
  /** In the order in which they were given. */
  readonly #open = new Set<Open>();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#connected = this.#untilConnected();
  }

  /** Resolves once records can be sent, or when the sender is closed before that. */
  connected(): Promise<void> {
    return this.#connected;
  }

  /**
   * In order within a partition. Resolves once all are delivered; rejects when one failed. Stays
   * pending when the sender is closed first: the process ends, and the records come again.
   */
  async send(records: readonly OutgoingRecord[]): Promise<void> {
    await this.#connected;
    if (this.#stop.signal.aborted) return new Promise(() => {});
    await Promise.all(records.map((record) => this.#deliver(record)));
    this.#options.onDelivered();
  }

  /** Records were given to Kafka and are not delivered. */
  get isWaiting(): boolean {
    return this.#open.size > 0;
  }

  /** Goes on with a new producer. Does nothing while one is being connected. */
  renew(reason: string): void {
    const stuck = this.#producer;
    if (!stuck || this.#stop.signal.aborted) return;
    this.#options.logger.warn({ reason, open: this.#open.size }, 'a new producer sends again');
    this.#producer = undefined;
    stuck.disconnect();
    this.#connected = this.#untilConnected();
  }

  /** One request to Kafka by the producer. Rejects when it is not answered. */
  async probe(): Promise<void> {
    if (!this.#producer) throw new Error('not connected');
    await askForTopic(this.#producer, TOPICS.status);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const producer = this.#producer;
    if (!producer) return;
    const disconnected = new Promise<void>((resolve) => producer.disconnect(() => resolve()));
    await Promise.race([disconnected, sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
  }

  #untilConnected(): Promise<void> {
    const { logger } = this.#options;
    return untilDone("the processor's producer", () => this.#connect(), logger, this.#stop.signal);
  }

  #deliver(record: OutgoingRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      const open: Open = { record, settle: (error) => (error ? reject(error) : resolve()) };
      if (this.#producer) this.#produce(this.#producer, open);
      this.#open.add(open);
    });
  }

  #produce(producer: Producer, open: Open): void {
    const { topic, partition, key, value } = open.record;
    producer.produce(topic, partition, value, key, null, open);
  }

  /** A client whose `connect` has failed never becomes ready: each attempt makes a new one. */
  async #connect(): Promise<void> {
    const { brokers, connectMsMax, onFatal } = this.#options;
    await assertReachable(brokers);
    const producer = new rdkafka.Producer(
      producerSettings(brokers, 'tollgate-processor'),
      producerTopicSettings(0),
    );
    producer.on('event.error', (error: LibrdKafkaError) => {
      if (error.isFatal) onFatal(`the producer failed: ${error.message}`);
    });
    producer.on('delivery-report', (error, report) => {
      if (this.#producer !== producer) return;
      const open = report.opaque as Open;
      this.#open.delete(open);
      open.settle(error);
    });
    await new Promise<void>((resolve, reject) =>
      producer.connect({ timeout: connectMsMax }, (error) => (error ? reject(error) : resolve())),
    );
    producer.setPollInterval(POLL_MS);
    if (this.#stop.signal.aborted) return void producer.disconnect();
    this.#producer = producer;
    for (const open of this.#open) this.#produce(producer, open);
  }
}
