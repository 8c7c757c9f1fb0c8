/** Reads how far a consumer group has come in a topic, without joining the group. */
import rdkafka, { type KafkaConsumer, type TopicPartitionOffset } from 'node-rdkafka';
import { settledWithin } from '../util/with-timeout.js';
import { assertReachable, clientSettings } from './client.js';
import { askLeader } from './probe.js';
import { topicIdentities } from './topic-identity.js';

const CALL_MS_MAX = 5_000;
const CLOSE_MS_MAX = 2_000;

/** By partition. */
export interface GroupProgress {
  /** The offset after the newest record; none for a partition that holds no record. */
  readonly ends: ReadonlyMap<number, number>;
  /** The first offset that the group has not finished; none where it never committed. */
  readonly committed: ReadonlyMap<number, number>;
}

/** The ends are read before the commits. Rejects when Kafka is away. */
export async function groupProgress(
  brokers: string,
  group: string,
  topic: string,
): Promise<GroupProgress> {
  await assertReachable(brokers);
  const count = (await topicIdentities(brokers, [topic])).get(topic)?.partitions ?? 0;
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
  const consumer = new rdkafka.KafkaConsumer(
    {
      ...clientSettings(brokers, 'tollgate-progress'),
      'group.id': group,
      'enable.auto.commit': false,
    },
    {},
  );
  try {
    await new Promise<void>((resolve, reject) =>
      consumer.connect({ timeout: CALL_MS_MAX }, (error) => (error ? reject(error) : resolve())),
    );
    const ends = new Map<number, number>();
    for (const { partition } of partitions) {
      const { lowOffset, highOffset } = await askLeader(consumer, topic, partition);
      if (highOffset > lowOffset) ends.set(partition, highOffset);
    }
    return { ends, committed: await committedOffsets(consumer, partitions) };
  } finally {
    await settledWithin(CLOSE_MS_MAX, (done) => consumer.disconnect(() => done()));
  }
}

async function committedOffsets(
  consumer: KafkaConsumer,
  partitions: { topic: string; partition: number }[],
): Promise<Map<number, number>> {
  const found = await new Promise<TopicPartitionOffset[]>((resolve, reject) =>
    consumer.committed(partitions, CALL_MS_MAX, (error, offsets) =>
      error ? reject(error) : resolve(offsets),
    ),
  );
  return new Map(
    found.filter(({ offset }) => offset >= 0).map((offset) => [offset.partition, offset.offset]),
  );
}

/** Whether the group has finished all that the topic held at `ends`. */
export function isFinished(ends: GroupProgress['ends'], { committed }: GroupProgress): boolean {
  return [...ends].every(([partition, end]) => (committed.get(partition) ?? -1) >= end);
}
