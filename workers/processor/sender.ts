/**
 * Sends records to Kafka and resolves when they are delivered. Idempotent, acks=all, no
 * time-out: while Kafka is away the promise waits. A fatal error of the producer ends the
 * process; a restart begins again from what is committed.
 */
import rdkafka, { type LibrdKafkaError, type Producer } from 'node-rdkafka';
import { producerSettings, producerTopicSettings } from '../../engine/kafka/client.js';

const POLL_MS = 5;
const CLOSE_MS_MAX = 2_000;

export interface OutgoingRecord {
  readonly topic: string;
  /** null: by the key's hash. */
  readonly partition: number | null;
  readonly key: Buffer;
  readonly value: Buffer;
}

type Delivered = (error: LibrdKafkaError | null) => void;

export class Sender {
  readonly #producer: Producer;
  readonly #ready: Promise<void>;

  constructor(brokers: string, onFatal: (reason: string) => void) {
    const producer = new rdkafka.Producer(
      producerSettings(brokers, 'tollgate-processor'),
      producerTopicSettings(0),
    );
    producer.on('event.error', (error: LibrdKafkaError) => {
      if (error.isFatal) onFatal(`the producer failed: ${error.message}`);
    });
    producer.on('delivery-report', (error, report) => (report.opaque as Delivered)(error));
    this.#ready = new Promise((resolve) => {
      producer.once('ready', () => {
        producer.setPollInterval(POLL_MS);
        resolve();
      });
    });
    producer.connect({}, () => {});
    this.#producer = producer;
  }

  /** In order within a partition. Resolves once all are delivered; rejects when one failed. */
  async send(records: readonly OutgoingRecord[]): Promise<void> {
    await this.#ready;
    await Promise.all(records.map((it) => this.#sendOne(it)));
  }

  async close(): Promise<void> {
    const disconnected = new Promise<void>((resolve) => this.#producer.disconnect(() => resolve()));
    await Promise.race([
      disconnected,
      new Promise((resolve) => setTimeout(resolve, CLOSE_MS_MAX).unref()),
    ]);
  }

  #sendOne(record: OutgoingRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      const delivered: Delivered = (error) => (error ? reject(error) : resolve());
      const { topic, partition, key, value } = record;
      this.#producer.produce(topic, partition, value, key, null, delivered);
    });
  }
}
