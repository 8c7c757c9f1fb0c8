/**
 * What a client of Kafka needs to be replaced when it is stuck. A broker that comes back may list
 * no broker at all in its first answers; librdkafka then forgets every broker that it knows and
 * connects to none any more (https://github.com/confluentinc/librdkafka/issues/5301).
 */
import type { ReplaceableClient } from '../util/dependency-health.js';
import { topicIdentities } from './topic-identity.js';

/** @param topic one that the client uses */
export function replaceableClient(
  brokers: string,
  topic: string,
  replace: (reason: string) => void,
): ReplaceableClient {
  return {
    replace,
    async askAnew() {
      const found = (await topicIdentities(brokers, [topic])).get(topic);
      if (found === undefined) throw new Error(`Kafka does not know ${topic}`);
      if (found.leaderless > 0) throw new Error(`${topic} has partitions without a leader`);
    },
  };
}
