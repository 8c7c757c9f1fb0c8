/** What the certificate of one role allows in Kafka, and what it does not. */
import rdkafka, { type KafkaConsumer, type LibrdKafkaError } from 'node-rdkafka';
import type { KafkaTls } from '../../../engine/config/config.js';
import { PROCESSOR_GROUP, TOPICS } from '../../../engine/domain/topics.js';
import { clientSettings } from '../../../engine/kafka/client.js';
import { createTopics } from '../../../engine/kafka/topics-admin.js';
import { settledWithin } from '../../../engine/util/with-timeout.js';
import type { Stage } from '../../testing/proof.js';

const FOREIGN_TOPIC = 'payments.foreign';
const ANSWER_MS_MAX = 10_000;
const CLOSE_MS_MAX = 2_000;

export async function showRights(
  stage: Stage,
  brokers: string,
  tlsOf: (role: 'engine' | 'processor') => KafkaTls,
): Promise<void> {
  for (const role of ['engine', 'processor'] as const) {
    const topics = [{ name: FOREIGN_TOPIC, partitions: 1 }];
    const refusal = await refusalOf(createTopics(brokers, topics, 1, tlsOf(role)));
    stage.figure(`${role} makes ${FOREIGN_TOPIC}`, refusal ?? 'DONE');
    stage.must(refusal !== undefined, `${role} may make any topic`);
  }
  const join = await asMember(brokers, tlsOf('engine'), joined);
  stage.figure("engine joins the processors' group", join ?? 'DONE');
  stage.must(join !== undefined, "an engine may join the processors' group");
  const look = await asMember(brokers, tlsOf('engine'), committed);
  stage.figure('engine asks how far that group has come', look ?? 'answered');
  stage.must(look === undefined, `an engine may not see the group: ${look}`);
  const work = await asMember(brokers, tlsOf('processor'), joined);
  stage.must(work === undefined, `a processor may not join its group: ${work}`);
}

async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** @returns why it was refused */
async function asMember(
  brokers: string,
  tls: KafkaTls,
  work: (consumer: KafkaConsumer) => Promise<unknown>,
): Promise<string | undefined> {
  const settings = clientSettings(brokers, 'tollgate-proof', tls);
  const consumer = new rdkafka.KafkaConsumer({ ...settings, 'group.id': PROCESSOR_GROUP }, {});
  try {
    await new Promise<void>((resolve, reject) =>
      consumer.connect({ timeout: ANSWER_MS_MAX }, (error) => (error ? reject(error) : resolve())),
    );
    return await refusalOf(work(consumer));
  } finally {
    await settledWithin(CLOSE_MS_MAX, (done) => consumer.disconnect(() => done()));
  }
}

/** Resolves when it is a member with an assignment. */
async function joined(consumer: KafkaConsumer): Promise<void> {
  consumer.subscribe([TOPICS.accepted]);
  const giveUpAt = performance.now() + ANSWER_MS_MAX;
  while (consumer.assignments().length === 0) {
    if (performance.now() > giveUpAt) throw new Error('no assignment');
    await new Promise<void>((resolve, reject) =>
      consumer.consume(1, (error: LibrdKafkaError) => (error ? reject(error) : resolve())),
    );
  }
}

function committed(consumer: KafkaConsumer): Promise<void> {
  return new Promise((resolve, reject) =>
    consumer.committed([{ topic: TOPICS.accepted, partition: 0 }], ANSWER_MS_MAX, (error) =>
      error ? reject(error) : resolve(),
    ),
  );
}
