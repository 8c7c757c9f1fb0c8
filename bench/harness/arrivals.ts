/** Consumes `payments.accepted` and notes which ids arrived, and how long after acceptance. */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka, { type KafkaConsumer, type Message } from 'node-rdkafka';
import { acceptedAt } from '../../engine/codec/in-place.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { clientSettings } from '../../engine/kafka/client.js';

const CONSUME_MAX = 500;
const CONSUME_MS = 2;

export class ArrivalWatch {
  readonly ids = new Set<string>();
  /** Milliseconds, in order of arrival; whole ones, as the record has them. */
  readonly lags: number[] = [];
  readonly #consumer: KafkaConsumer;
  readonly #mark: Buffer;
  #loop: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(consumer: KafkaConsumer, prefix: string) {
    this.#consumer = consumer;
    this.#mark = Buffer.from(`/${prefix}`);
  }

  /** Of all the topic, the ids that begin with `prefix`. */
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
    consumer.setDefaultConsumeTimeout(CONSUME_MS);
    consumer.subscribe([TOPICS.accepted]);
    watch.#loop = watch.#run();
    return watch;
  }

  async until(count: number, msMax: number): Promise<void> {
    const giveUpAt = Date.now() + msMax;
    while (this.ids.size < count && Date.now() < giveUpAt) await sleep(20);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    await new Promise<void>((resolve) => this.#consumer.disconnect(() => resolve()));
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const messages = await new Promise<Message[]>((resolve, reject) =>
        this.#consumer.consume(CONSUME_MAX, (error, list) =>
          error ? reject(error) : resolve(list),
        ),
      );
      for (const message of messages) this.#note(message);
    }
  }

  #note({ key, value }: Message): void {
    const name = key as Buffer;
    if (!value || name.indexOf(this.#mark) < 0) return;
    this.ids.add(name.toString('latin1'));
    this.lags.push(Math.max(0, performance.timeOrigin + performance.now() - acceptedAt(value)));
  }
}
