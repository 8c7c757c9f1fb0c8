/**
 * Creates missing topics and adds missing partitions. Any number of processes may run it at once.
 */
import rdkafka, { type LibrdKafkaError } from 'node-rdkafka';
import type { KafkaTls } from '../config/config.js';
import { RETRY_RETENTION_MS, TOPIC_RETENTION_MS } from '../config/settings/shared.js';
import { retryTopic, TOPICS } from '../domain/topics.js';
import { EngineError } from '../util/errors.js';
import { assertReachable, clientSettings } from './client.js';
import { topicIdentities } from './topic-identity.js';

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Keyed by payment: all of these have equally many partitions. */
  readonly isKeyed?: boolean;
  readonly isCompacted?: boolean;
  /** Default: what the store keeps, or a recovery from the topic would have holes. */
  readonly retentionMs?: number;
}

const CREATE_MS_MAX = 5_000;
const CONFIG = {
  'cleanup.policy': 'delete' as const,
  // By the broker's clock: it refuses what a producer dates an hour ahead, and forgets early
  // what one dates into the past.
  'message.timestamp.type': 'LogAppendTime',
};

const COMPACTED = {
  'cleanup.policy': 'compact' as const,
  'message.timestamp.type': 'LogAppendTime',
};

export function topicSpecs(config: { partitions: number; shards: number }): TopicSpec[] {
  return [
    { name: TOPICS.accepted, partitions: config.partitions, isKeyed: true },
    { name: TOPICS.webhooks, partitions: config.partitions, isKeyed: true },
    { name: TOPICS.dlq, partitions: 1 },
    { name: TOPICS.status, partitions: config.shards },
    { name: TOPICS.volumes, partitions: config.shards, isCompacted: true },
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
    isKeyed: true,
    retentionMs: RETRY_RETENTION_MS,
  }));
}

/**
 * One try. Creates what is missing and gives every topic at least the partitions that its spec
 * names, the keyed ones equally many. More is fine: the topic's own count holds.
 * Rejects with librdkafka's error, also while the broker is away; with EngineError
 * `topic_not_grown` when Kafka does not let this process add partitions.
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
    for (const { name, wanted, found } of await tooSmall(brokers, specs, tls))
      await growTopic(admin, name, wanted, found);
  } finally {
    admin.disconnect();
  }
}

interface TooSmall {
  readonly name: string;
  readonly wanted: number;
  readonly found: number;
}

async function tooSmall(
  brokers: string,
  specs: readonly TopicSpec[],
  tls: KafkaTls | undefined,
): Promise<TooSmall[]> {
  const names = specs.map((spec) => spec.name);
  const topics = await topicIdentities(brokers, names, ...(tls ? [tls] : []));
  const countOf = (name: string): number | undefined => topics.get(name)?.partitions;
  const keyed = Math.max(
    ...specs
      .filter((spec) => spec.isKeyed)
      .map((spec) => Math.max(spec.partitions, countOf(spec.name) ?? 0)),
  );
  return specs
    .map((spec) => ({
      name: spec.name,
      wanted: spec.isKeyed ? keyed : spec.partitions,
      found: countOf(spec.name) ?? Number.POSITIVE_INFINITY,
    }))
    .filter((entry) => entry.found < entry.wanted);
}

function growTopic(
  admin: rdkafka.IAdminClient,
  name: string,
  wanted: number,
  found: number,
): Promise<void> {
  const { ERR_TOPIC_AUTHORIZATION_FAILED, ERR_INVALID_PARTITIONS } = rdkafka.CODES.ERRORS;
  return new Promise((resolve, reject) => {
    admin.createPartitions(name, wanted, CREATE_MS_MAX, (error) => {
      // Another process was first.
      if (!error || error.code === ERR_INVALID_PARTITIONS) resolve();
      else if (error.code !== ERR_TOPIC_AUTHORIZATION_FAILED) reject(error);
      else reject(notGrown(name, wanted, found));
    });
  });
}

function notGrown(name: string, wanted: number, found: number): EngineError {
  return new EngineError(
    'topic_not_grown',
    `${name} has ${found} partitions, the settings ask for ${wanted}, and Kafka does not let this process add them: allow it to ALTER the topic, add them with kafka-topics.sh, or set TOLLGATE_PARTITIONS (TOLLGATE_SHARDS for payments.status and payments.volumes) to ${found}.`,
    { canRetry: true },
  );
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
    config: spec.isCompacted
      ? COMPACTED
      : { ...CONFIG, 'retention.ms': String(spec.retentionMs ?? TOPIC_RETENTION_MS) },
  };
  return new Promise((resolve, reject) => {
    admin.createTopic(topic, CREATE_MS_MAX, (error: LibrdKafkaError | null) => {
      if (!error || error.code === rdkafka.CODES.ERRORS.ERR_TOPIC_ALREADY_EXISTS) resolve();
      else reject(error);
    });
  });
}
