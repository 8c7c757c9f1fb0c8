/** Each topic, and one of the retries, is deleted in turn and made anew while all processes run. */
import rdkafka from 'node-rdkafka';
import { retryTopic, TOPICS } from '../../../engine/domain/topics.js';
import { clientSettings } from '../../../engine/kafka/client.js';
import { topicIdentities } from '../../../engine/kafka/topic-identity.js';
import type { Stage } from '../../testing/proof.js';
import { type LocalSystem, until } from '../../testing/system.js';
import { acceptAll, untilAllSucceeded } from './rebirth-case.js';

const DELETE_MS_MAX = 5_000;

export async function topicsMadeAnew(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
): Promise<void> {
  const { accepted: first, webhooks, status, dlq, volumes } = TOPICS;
  for (const topic of [first, webhooks, status, dlq, volumes, retryTopic('5s')]) {
    const count = stage.size(20, 200);
    const name = topic.replaceAll('.', '-');
    const before = await acceptAll(system, `before-${name}`, count);
    // Those of the first half have no status yet when the topic goes.
    const during = acceptAll(system, `during-${name}`, count);
    const [old] = await Promise.all([deleteTopic(system.endpoints.kafka, topic), during]);
    const after = await acceptAll(system, `after-${name}`, count);
    const ids = [before, await during, after].flatMap((answers) => [...answers.keys()]);
    accepted.push(...ids);
    const seconds = await untilAllSucceeded(system, ids, `${topic} was made anew`);
    await until(`${topic} exists again`, 60_000, async () => {
      const now = (await topicIdentities(system.endpoints.kafka, [topic])).get(topic);
      return now !== undefined && now.id !== old;
    });
    stage.figure(`${topic} made anew`, `${ids.length} succeeded, the last ${seconds} s later`);
  }
}

/** @returns its id */
export async function deleteTopic(brokers: string, name: string): Promise<string | undefined> {
  const id = (await topicIdentities(brokers, [name])).get(name)?.id;
  const client = rdkafka.AdminClient.create(clientSettings(brokers, 'tollgate-proof'));
  try {
    await new Promise<void>((resolve, reject) =>
      client.deleteTopic(name, DELETE_MS_MAX, (error) =>
        error ? reject(new Error(error.message)) : resolve(),
      ),
    );
  } finally {
    client.disconnect();
  }
  return id;
}
