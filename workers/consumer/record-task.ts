/**
 * Maps a Kafka record to a task and the key that orders it. Accepts any record; it never throws.
 */
import type { Message } from 'node-rdkafka';
import {
  ORIGIN_HEADER,
  type OriginSource,
  parseOrigin,
  parseSentAt,
  SENT_AT_HEADER,
  TOPICS,
} from '../../engine/domain/topics.js';
import type { RecordTimes, Task } from '../tasks.js';

/** A webhook does not wait for our own call, which may take its whole time-out. */
export function orderOf(message: Message): string {
  return message.topic === TOPICS.webhooks ? webhookOrder(`${message.key}`) : `${message.key}`;
}

export function webhookOrder(key: string): string {
  return `webhook ${key}`;
}

export function taskOf(message: Message): Task {
  const value = message.value ?? Buffer.alloc(0);
  const { topic, partition, offset } = message;
  if (topic === TOPICS.webhooks)
    return { kind: 'webhook', value, source: { partition, offset, tries: 0 } };
  if (topic !== TOPICS.accepted) return { kind: 'ticket', value };
  return { kind: 'accepted', value, source: sourceOf(message), times: timesOf(message) };
}

function sourceOf(message: Message): OriginSource {
  const text = headerOf(message, ORIGIN_HEADER);
  return (text === undefined ? undefined : parseOrigin(text)?.source) ?? 'wal';
}

function timesOf(message: Message): RecordTimes {
  const text = headerOf(message, SENT_AT_HEADER);
  const { sentAt = null, waitedMsMax = null } = (text && parseSentAt(text)) || {};
  return { appendedAt: message.timestamp ?? null, sentAt, waitedMsMax };
}

function headerOf(message: Message, name: string): string | undefined {
  const header = message.headers?.find((messageHeader) => messageHeader?.[name] !== undefined);
  return header && String(header[name]);
}
