/**
 * Statuses with ever higher versions for a few payments, as a processor would publish them, while
 * many readers look: a read that began after another had ended must not show an older version.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka, { type Producer } from 'node-rdkafka';
import { Pool } from 'undici';
import { paymentStatus } from '../../engine/codec/records.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { producerSettings, producerTopicSettings } from '../../engine/kafka/client.js';
import { post } from '../../ops/testing/checkout-client.js';

const IDS = 4;
const READERS = 24;
const PUBLISH_MS = 2;

export class StatusFeed {
  readonly #pool: Pool;
  readonly #producer: Producer;
  readonly #newest = new Array<number>(IDS).fill(0);
  #delivered = 0;
  #reads = 0;
  #backwards = 0;

  private constructor(producer: Producer, api: string) {
    this.#producer = producer;
    this.#pool = new Pool(api, { connections: READERS });
  }

  static async start(brokers: string, api: string): Promise<StatusFeed> {
    for (let n = 0; n < IDS; n++) await post(api, `feed-${n}`);
    const producer = new rdkafka.Producer(
      producerSettings(brokers, 'bench-feed'),
      producerTopicSettings(0),
    );
    const feed = new StatusFeed(producer, api);
    producer.on('delivery-report', (error) => {
      if (error) throw error;
      feed.#delivered++;
    });
    await new Promise<void>((resolve) => producer.once('ready', () => resolve()).connect());
    producer.setPollInterval(5);
    feed.#publish(0, 1);
    while (feed.#delivered === 0) await sleep(PUBLISH_MS);
    return feed;
  }

  async run(ms: number): Promise<{ reads: number; versions: number; backwards: number }> {
    const endAt = Date.now() + ms;
    const readers = Array.from({ length: READERS }, (_, i) => this.#read(i % IDS, endAt));
    for (let version = 1; Date.now() < endAt; version++) {
      for (let n = 0; n < IDS; n++) this.#publish(n, version);
      await sleep(PUBLISH_MS);
    }
    await Promise.all(readers);
    await new Promise<void>((resolve) => this.#producer.disconnect(() => resolve()));
    await this.#pool.close();
    const versions = Math.max(...this.#newest);
    return { reads: this.#reads, versions, backwards: this.#backwards };
  }

  async #read(n: number, endAt: number): Promise<void> {
    while (Date.now() < endAt) {
      const before = this.#newest[n]!;
      const answer = await this.#pool.request({ method: 'GET', path: `/payments/feed-${n}` });
      await answer.body.dump();
      const version = Number(/v(\d+)/.exec(String(answer.headers.etag))?.[1]);
      this.#reads++;
      if (version < before) this.#backwards++;
      this.#newest[n] = Math.max(this.#newest[n]!, version);
    }
  }

  #publish(n: number, version: number): void {
    const value = paymentStatus.encode({
      version,
      fingerprint: null,
      shard: 0,
      merchant: 'default',
      checkout_id: `feed-${n}`,
      status: 'processing',
      provider: 'simulator',
      provider_reference: null,
      failure_code: null,
      refunded_amount: 0,
      disputed_amount: 0,
      next_action: null,
      updated_at: Date.now(),
      history: [],
    });
    this.#producer.produce(TOPICS.status, 0, value, `default/feed-${n}`);
  }
}
