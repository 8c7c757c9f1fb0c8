/** Calls on a consumer of librdkafka, each bounded: some of its own never return. */
import type { KafkaConsumer } from 'node-rdkafka';

const CLOSE_MS_MAX = 3_000;

/** A topic that the brokers do not show yet would be left out until much later. */
export function assertTopics(
  consumer: KafkaConsumer,
  topics: readonly string[],
  msMax: number,
): Promise<void> {
  return new Promise((resolve, reject) =>
    consumer.getMetadata({ timeout: msMax }, (error, metadata) => {
      if (error) return reject(error);
      const known = new Set(metadata.topics.map((topic) => topic.name));
      const unknown = topics.filter((name) => !known.has(name));
      if (unknown.length === 0) return resolve();
      reject(new Error(`Kafka does not know these topics yet: ${unknown.join(', ')}`));
    }),
  );
}

/** Leaves the group. */
export async function leave(consumer: KafkaConsumer | undefined): Promise<void> {
  if (!consumer) return;
  const left = new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  await Promise.race([left, new Promise((done) => setTimeout(done, CLOSE_MS_MAX))]);
}
