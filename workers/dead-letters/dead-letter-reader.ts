/**
 * Reads the newest dead letters from `payments.dlq`. Partition and offset identify a letter only
 * within one topic, so the topic's id is stored with them.
 */
import { type DeadLetter, deadLetter, retryTicket } from '../../engine/codec/records.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';
import type { PaymentName } from '../postgres/dead-payments.js';

const LETTERS_MAX = 50_000;

export interface ReadLetter {
  /** `partition-offset` */
  readonly id: string;
  /** `topic id/partition-offset`: names it for good. */
  readonly mark: string;
  readonly source: DeadLetter;
}

/** Rejects when Kafka is away. */
export async function readLetters(brokers: string): Promise<ReadLetter[]> {
  const topic = (await topicIdentities(brokers, [TOPICS.dlq])).get(TOPICS.dlq);
  if (!topic) return [];
  const letters: ReadLetter[] = [];
  const options = { partitions: topic.partitions, newestMax: LETTERS_MAX };
  await readTopic(brokers, TOPICS.dlq, options, (message) => {
    const source = message.value && letterIn(message.value);
    if (!source) return;
    const id = `${message.partition}-${message.offset}`;
    letters.push({ id, mark: `${topic.id}/${id}`, source });
  });
  return letters;
}

/** @returns undefined for what is no letter: it must not hide the others */
function letterIn(value: Buffer): DeadLetter | undefined {
  try {
    return deadLetter.decode(value);
  } catch {
    return undefined;
  }
}

/** A payment of ours: its letter holds a ticket. Names that Postgres cannot hold are none of ours. */
export function paymentOf({ value }: DeadLetter): PaymentName | null {
  if (!value || !retryTicket.recognises(value)) return null;
  try {
    const { merchant, checkout_id } = retryTicket.decode(value);
    return `${merchant}${checkout_id}`.includes('\0') ? null : { merchant, checkout_id };
  } catch {
    return null;
  }
}
