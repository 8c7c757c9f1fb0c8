/**
 * Cheap requests by a client that exists already, each bounded in time. They hold a thread of
 * libuv's pool while they wait, so a client sends one at a time.
 */
import type { KafkaConsumer, Producer, TopicPartition, WatermarkOffsets } from 'node-rdkafka';

const ANSWER_MS_MAX = 2_000;

/** Resolves when a broker describes the topic and each partition has a leader. */
export function askForTopic(client: KafkaConsumer | Producer, topic: string): Promise<void> {
  return new Promise((resolve, reject) =>
    client.getMetadata({ topic, timeout: ANSWER_MS_MAX }, (error, metadata) => {
      if (error) return reject(error);
      const found = metadata.topics.find((topicMetadata) => topicMetadata.name === topic);
      const headless = found?.partitions.filter((partition) => partition.leader < 0) ?? [];
      if (found === undefined) reject(new Error(`${topic} is not known to the broker`));
      else if (headless.length > 0)
        reject(new Error(`${headless.length} partitions of ${topic} have no leader`));
      else resolve();
    }),
  );
}

/** The offsets of a partition, as its leader gives them now. */
export function askLeader(
  consumer: KafkaConsumer,
  topic: string,
  partition: number,
): Promise<WatermarkOffsets> {
  return new Promise((resolve, reject) =>
    consumer.queryWatermarkOffsets(topic, partition, ANSWER_MS_MAX, (error, offsets) =>
      error ? reject(error) : resolve(offsets),
    ),
  );
}

/** Records behind the consumer's positions, by its last fetches: no request. */
export function unreadOf(
  consumer: KafkaConsumer | undefined,
  partitions: readonly TopicPartition[],
): number {
  let unread = 0;
  for (const { topic, partition } of partitions) {
    try {
      const at = consumer?.position([{ topic, partition }])[0]?.offset;
      if (at === undefined || at < 0) continue;
      const { highOffset } = consumer!.getWatermarkOffsets(topic, partition);
      unread += Math.max(0, highOffset - at);
    } catch {
      // Nothing was fetched of it yet.
    }
  }
  return unread;
}
