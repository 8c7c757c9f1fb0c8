/** Sets a consumer group back to the beginning of a topic. The group must have no members. */
import rdkafka from 'node-rdkafka';
import { assertReachable, clientSettings } from '../../engine/kafka/client.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';

const CALL_MS_MAX = 10_000;
const CLOSE_MS_MAX = 2_000;

/** Rejects when Kafka is away or refuses, as it does while the group has members. */
export async function rewind(brokers: string, group: string, topic: string): Promise<void> {
  await assertReachable(brokers);
  const partitions = (await topicIdentities(brokers, [topic])).get(topic)?.partitions ?? 0;
  const consumer = new rdkafka.KafkaConsumer(
    {
      ...clientSettings(brokers, 'tollgate-recovery'),
      'group.id': group,
      'enable.auto.commit': false,
    },
    {},
  );
  try {
    await new Promise<void>((resolve, reject) =>
      consumer.connect({ timeout: CALL_MS_MAX }, (error) => (error ? reject(error) : resolve())),
    );
    const offsets = Array.from({ length: partitions }, (_, partition) => ({
      ...{ topic, partition, offset: 0 },
    }));
    // Offset 0 may be gone: the consumers then begin at the earliest record.
    consumer.commitSync(offsets);
  } finally {
    await Promise.race([
      new Promise<void>((resolve) => consumer.disconnect(() => resolve())),
      new Promise((resolve) => setTimeout(resolve, CLOSE_MS_MAX).unref()),
    ]);
  }
}
