/**
 * Replaces a Kafka client that is stuck. A broker that has restarted may list no broker in its
 * first metadata answers; librdkafka then forgets every broker and never connects again
 * (https://github.com/confluentinc/librdkafka/issues/5301).
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
