/** Sets a consumer group back to the beginning of a topic. The group must have no members. */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka, { type KafkaConsumer, type TopicPartitionOffset } from 'node-rdkafka';
import { assertReachable, clientSettings } from '../../engine/kafka/client.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';
import { EngineError } from '../../engine/util/errors.js';

const CALL_MS_MAX = 10_000;
const CLOSE_MS_MAX = 2_000;
/** A processor that was killed stays a member until its session ends, 6 s later. */
const MEMBERS_MS_MAX = 20_000;
const RETRY_MS = 500;
const { ERR_UNKNOWN_MEMBER_ID, ERR_REBALANCE_IN_PROGRESS, ERR_ILLEGAL_GENERATION } =
  rdkafka.CODES.ERRORS;
/** How Kafka refuses offsets from outside of a group that has members. */
const HAS_MEMBERS = [ERR_UNKNOWN_MEMBER_ID, ERR_REBALANCE_IN_PROGRESS, ERR_ILLEGAL_GENERATION];

/** Rejects when Kafka is away or refuses. Throws EngineError `processors_running`. */
export async function rewind(brokers: string, group: string, topic: string): Promise<void> {
  await assertReachable(brokers);
  const partitions = (await topicIdentities(brokers, [topic])).get(topic)?.partitions ?? 0;
  const offsets = Array.from({ length: partitions }, (_, partition) => ({
    ...{ topic, partition, offset: 0 },
  }));
  const latest = performance.now() + MEMBERS_MS_MAX;
  while (!(await isCommitted(brokers, group, offsets))) {
    if (performance.now() > latest)
      throw new EngineError(
        'processors_running',
        `consumer group ${group} has members: stop all processors, then run this again`,
      );
    await sleep(RETRY_MS);
  }
}

/**
 * Offset 0 may be gone: the consumers then begin at the earliest record.
 * @returns false while the group has members
 */
async function isCommitted(
  brokers: string,
  group: string,
  offsets: TopicPartitionOffset[],
): Promise<boolean> {
  const settings = { 'group.id': group, 'enable.auto.commit': false };
  const consumer = new rdkafka.KafkaConsumer(
    { ...clientSettings(brokers, 'tollgate-recovery'), ...settings },
    {},
  );
  try {
    await new Promise<void>((resolve, reject) =>
      consumer.connect({ timeout: CALL_MS_MAX }, (error) => (error ? reject(error) : resolve())),
    );
    consumer.commitSync(offsets);
    return true;
  } catch (error) {
    if (HAS_MEMBERS.includes((error as { code: number }).code)) return false;
    throw error;
  } finally {
    await disconnect(consumer);
  }
}

async function disconnect(consumer: KafkaConsumer): Promise<void> {
  await Promise.race([
    new Promise<void>((resolve) => consumer.disconnect(() => resolve())),
    new Promise((resolve) => setTimeout(resolve, CLOSE_MS_MAX).unref()),
  ]);
}
