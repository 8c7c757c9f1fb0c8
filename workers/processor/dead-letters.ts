/** Records that could not be worked off: into `payments.dlq` with the reason, and out for the admin page. */
import type { Message } from 'node-rdkafka';
import { deadLetter } from '../../engine/codec/records.js';
import { TOPICS } from '../../engine/core/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import type { OutgoingRecord } from './sender.js';

const SHOWN_MAX = 100;
const DETAIL_CHARS_MAX = 1_000;

/** What a dead letter says of the record that it is about. */
export type LetterSource = Pick<Message, 'topic' | 'partition' | 'offset' | 'key' | 'value'> & {
  readonly attempts?: number;
};

export function deadLetterOf(
  message: LetterSource,
  reason: string,
  detail: string,
): OutgoingRecord {
  const key = asBuffer(message.key);
  const value = deadLetter.encode({
    reason,
    detail: detail.slice(0, DETAIL_CHARS_MAX),
    attempts: message.attempts ?? 1,
    at: Date.now(),
    source_topic: message.topic,
    source_partition: message.partition,
    source_offset: message.offset,
    key,
    value: message.value,
  });
  return { topic: TOPICS.dlq, partition: null, key: key ?? Buffer.alloc(0), value };
}

/** The newest dead letters, without their payload. */
export async function listDeadLetters(brokers: string): Promise<object[]> {
  const letters: object[] = [];
  await readTopic(brokers, TOPICS.dlq, { partitions: 1, newestMax: SHOWN_MAX }, (message) => {
    if (!message.value) return;
    const { key, value: _value, ...rest } = deadLetter.decode(message.value);
    letters.push({ ...rest, offset: message.offset, key: key?.toString() ?? null });
  });
  return letters;
}

function asBuffer(key: Message['key']): Buffer | null {
  if (key === null || key === undefined) return null;
  return Buffer.isBuffer(key) ? key : Buffer.from(key);
}
