/**
 * The identity of topics. A topic that is deleted and created again has the same name but another
 * id, and its offsets start at 0. Code that stores an offset must store the topic id with it.
 * node-rdkafka does not expose the id, so this module sends the raw metadata request.
 */
import { type KafkaTls, kafkaTls } from '../config/config.js';
import { EngineError } from '../util/errors.js';
import {
  AnswerReader,
  type Broker,
  compactArray,
  compactString,
  int8,
  NO_TAGS,
  request,
} from './protocol.js';

/** The first version with ids. */
const METADATA = { key: 3, version: 10, isFlexible: true };
const UNKNOWN_TOPIC = 3;
const TOPIC_AUTHORIZATION_FAILED = 29;
const UUID_BYTES = 16;

export interface TopicIdentity {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly partitions: number;
  /** Partitions that no broker leads now. */
  readonly leaderless: number;
}

/**
 * The named topics that exist and that this process may DESCRIBE, by name. Asks one broker
 * after the other.
 * @param tls default: the identity of this process
 * Rejects with EngineError `kafka_away`, also while a topic has no leader yet.
 */
export async function topicIdentities(
  brokers: string,
  names: readonly string[],
  tls: KafkaTls | undefined = kafkaTls(),
): Promise<Map<string, TopicIdentity>> {
  let away: unknown;
  for (const address of brokers.split(',')) {
    try {
      return await ask({ address: address.trim(), tls }, names);
    } catch (error) {
      if (!(error instanceof EngineError) || !error.canRetry) throw error;
      away = error;
    }
  }
  throw away;
}

async function ask(broker: Broker, names: readonly string[]): Promise<Map<string, TopicIdentity>> {
  const topics = compactArray(names, (name) => [
    Buffer.alloc(UUID_BYTES),
    compactString(name),
    NO_TAGS,
  ]);
  const no = int8(0);
  // No topic is created, and no operations are listed.
  const answer = await request(broker, METADATA, [topics, no, no, no, NO_TAGS]);
  return new Map(decode(answer).map((identity) => [identity.name, identity]));
}

function decode(answer: Buffer): TopicIdentity[] {
  const reader = new AnswerReader(answer);
  reader.tags();
  reader.int32(); // throttle time
  reader.array(() => {
    reader.int32();
    reader.string();
    reader.int32();
    reader.string();
    reader.tags();
  });
  reader.string(); // cluster id
  reader.int32(); // controller
  return reader.array(() => topic(reader)).filter((identity) => identity !== undefined);
}

function topic(reader: AnswerReader): TopicIdentity | undefined {
  const error = reader.int16();
  const name = reader.string();
  const id = reader.uuid();
  reader.skip(1); // is internal
  const leaders = reader.array(() => {
    reader.skip(6); // error, index
    const leader = reader.int32();
    reader.skip(4); // the leader's epoch
    for (let list = 0; list < 3; list++) reader.array(() => reader.int32());
    reader.tags();
    return leader;
  });
  const leaderless = leaders.filter((leader) => leader < 0).length;
  reader.int32(); // authorised operations
  reader.tags();
  if (error === UNKNOWN_TOPIC || error === TOPIC_AUTHORIZATION_FAILED) return undefined;
  if (error === 0) return { name, id, partitions: leaders.length, leaderless };
  throw new EngineError('kafka_away', `Kafka's error ${error} for topic ${name}`, {
    canRetry: true,
  });
}
