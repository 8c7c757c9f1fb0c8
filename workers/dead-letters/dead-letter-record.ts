/** The records of `payments.dlq`: the record that could not be processed, with the reason. */
import type { Message } from 'node-rdkafka';
import { deadLetter } from '../../engine/codec/records.js';
import { TOPICS } from '../../engine/domain/topics.js';
import type { OutgoingRecord } from '../outbox/kafka-producer.js';
import type { TaskResult } from '../tasks.js';

const DETAIL_CHARS_MAX = 1_000;
/**
 * Kafka takes a megabyte. A letter that would not fit names the place of its record, and holds
 * neither the record nor a key that is longer than any of ours.
 */
const VALUE_BYTES_MAX = 900_000;
const KEY_BYTES_MAX = 1_024;
/** Where a payment's letter comes from when no record led to it: its row in Postgres. */
export const SWEEPER = 'sweeper';

/** The record that led to a letter. */
export type LetterSource = Pick<Message, 'topic' | 'partition' | 'offset' | 'key' | 'value'>;
export type Dead = Extract<TaskResult, { kind: 'dead' }>;

/** @param message the record that led to it, if one did */
export function deadLetterOf(
  key: string,
  dead: Dead,
  message: LetterSource | undefined,
): OutgoingRecord {
  const keyBytes = keyOf(key, message);
  const held = dead.value ? Buffer.from(dead.value) : (message?.value ?? null);
  const value = deadLetter.encode({
    reason: dead.reason,
    detail: dead.detail.slice(0, DETAIL_CHARS_MAX),
    attempts: dead.attempts,
    at: Date.now(),
    source_topic: message?.topic ?? SWEEPER,
    source_partition: message?.partition ?? 0,
    source_offset: message?.offset ?? 0,
    key: keyBytes,
    value: held !== null && held.length <= VALUE_BYTES_MAX ? held : null,
  });
  return { topic: TOPICS.dlq, partition: null, key: keyBytes ?? Buffer.alloc(0), value };
}

function keyOf(key: string, message: LetterSource | undefined): Buffer | null {
  const bytes = message ? asBuffer(message.key) : Buffer.from(key);
  return bytes?.subarray(0, KEY_BYTES_MAX) ?? null;
}

function asBuffer(key: Message['key']): Buffer | null {
  if (key === null || key === undefined) return null;
  return Buffer.isBuffer(key) ? key : Buffer.from(key);
}
