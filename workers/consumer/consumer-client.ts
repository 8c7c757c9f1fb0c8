/** Calls on a librdkafka consumer, each with a time-out, because some of them never return. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaConsumer } from 'node-rdkafka';
import { settledWithin } from '../../engine/util/with-timeout.js';

const CLOSE_MS_MAX = 3_000;
/** How long records that the read loop has popped may travel to this thread. */
const DRAIN_MS = 25;

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

/** Resolves once what the read loop had popped has been delivered, also on a busy thread. */
export async function drained(): Promise<void> {
  await sleep(DRAIN_MS);
  await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Leaves the group. Nothing may be on its way here then: a record that is not taken keeps
 * librdkafka from ending the client, which holds a thread of libuv's pool and the process' exit.
 */
export async function leave(consumer: KafkaConsumer | undefined): Promise<void> {
  if (!consumer) return;
  if (consumer.isConnected()) {
    consumer.unassign();
    await drained();
  }
  await settledWithin(CLOSE_MS_MAX, (done) => consumer.disconnect(() => done()));
}
