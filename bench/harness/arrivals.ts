/** Consumes `payments.accepted` and notes which ids arrived, and how long after acceptance. */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka, { type KafkaConsumer } from 'node-rdkafka';
import { acceptedAt } from '../../engine/codec/in-place.js';
import { TOPICS } from '../../engine/core/topics.js';
import { clientSettings } from '../../engine/kafka/client.js';

export class ArrivalWatch {
  readonly ids = new Set<string>();
  /** Milliseconds, in order of arrival; whole ones, as the record has them. */
  readonly lags: number[] = [];
  readonly #consumer: KafkaConsumer;

  private constructor(consumer: KafkaConsumer, prefix: string) {
    this.#consumer = consumer;
    const mark = Buffer.from(`/${prefix}`);
    consumer.on('data', ({ key, value }) => {
      const name = key as Buffer;
      if (!value || name.indexOf(mark) < 0) return;
      this.ids.add(name.toString('latin1'));
      this.lags.push(Math.max(0, performance.timeOrigin + performance.now() - acceptedAt(value)));
    });
  }

  /** Everything from the end of the topic, of ids that begin with `prefix`. */
  static async start(brokers: string, prefix: string): Promise<ArrivalWatch> {
    const consumer = new rdkafka.KafkaConsumer(
      {
        ...clientSettings(brokers, 'bench-watch'),
        'group.id': `bench-${Date.now()}`,
        'enable.auto.commit': false,
        'fetch.wait.max.ms': 5,
      },
      { 'auto.offset.reset': 'earliest' },
    );
    const watch = new ArrivalWatch(consumer, prefix);
    await new Promise<void>((resolve, reject) =>
      consumer.connect({}, (error) => (error ? reject(error) : resolve())),
    );
    consumer.subscribe([TOPICS.accepted]);
    consumer.consume();
    return watch;
  }

  async until(count: number, msMax: number): Promise<void> {
    const giveUpAt = Date.now() + msMax;
    while (this.ids.size < count && Date.now() < giveUpAt) await sleep(20);
  }

  async stop(): Promise<void> {
    const left = new Promise<void>((resolve) => this.#consumer.disconnect(() => resolve()));
    await Promise.race([left, sleep(3_000)]);
  }
}
