/** Creates the topics that are missing; safe to run from every process at once. */
import rdkafka, { type LibrdKafkaError } from 'node-rdkafka';
import type { KafkaTls } from '../core/config.js';
import { TOPIC_RETENTION_MS } from '../core/settings/shared.js';
import { retryTopic, TOPICS } from '../core/topics.js';
import { assertReachable, clientSettings } from './client.js';

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
}

const CREATE_MS_MAX = 5_000;
const CONFIG = {
  'cleanup.policy': 'delete' as const,
  'retention.ms': String(TOPIC_RETENTION_MS),
  // By the broker's clock: it refuses what a producer dates an hour ahead, and forgets early
  // what one dates into the past.
  'message.timestamp.type': 'LogAppendTime',
};

export function topicSpecs(config: { partitions: number; shards: number }): TopicSpec[] {
  return [
    { name: TOPICS.accepted, partitions: config.partitions },
    { name: TOPICS.webhooks, partitions: config.partitions },
    { name: TOPICS.dlq, partitions: 1 },
    { name: TOPICS.status, partitions: config.shards },
  ];
}

/** As many partitions as accepted has: those of one number go to one processor. */
export function retryTopicSpecs(config: {
  partitions: number;
  retryDelays: readonly { name: string }[];
}): TopicSpec[] {
  return config.retryDelays.map(({ name }) => ({
    name: retryTopic(name),
    partitions: config.partitions,
  }));
}

/**
 * One try. Rejects with librdkafka's error, also while the broker is away.
 * @param tls default: the identity of this process
 */
export async function createTopics(
  brokers: string,
  specs: readonly TopicSpec[],
  replication: number,
  tls?: KafkaTls,
): Promise<void> {
  await assertReachable(brokers);
  const admin = rdkafka.AdminClient.create(clientSettings(brokers, 'tollgate-admin', tls));
  try {
    // One after the other: a broker that hangs then holds one thread, once.
    for (const spec of specs) await createTopic(admin, spec, replication);
  } finally {
    admin.disconnect();
  }
}

function createTopic(
  admin: rdkafka.IAdminClient,
  spec: TopicSpec,
  replication: number,
): Promise<void> {
  const topic = {
    topic: spec.name,
    num_partitions: spec.partitions,
    replication_factor: replication,
    config: CONFIG,
  };
  return new Promise((resolve, reject) => {
    admin.createTopic(topic, CREATE_MS_MAX, (error: LibrdKafkaError | null) => {
      if (!error || error.code === rdkafka.CODES.ERRORS.ERR_TOPIC_ALREADY_EXISTS) resolve();
      else reject(error);
    });
  });
}
