/**
 * Reads all records that a topic holds now, up to the present end of each partition. The partition
 * count comes from the topic, not from the settings. Gives up after SILENCE_MS_MAX without a
 * record.
 */
import rdkafka, {
  type KafkaConsumer,
  type Message,
  type Metadata,
  type TopicPartitionOffset,
} from 'node-rdkafka';
import type { KafkaTls } from '../config/config.js';
import { EngineError } from '../util/errors.js';
import { assertReachable, clientSettings } from './client.js';

const CALL_MS_MAX = 5_000;
const CLOSE_MS_MAX = 2_000;
const CONSUME_MAX = 1_000;
const CONSUME_MS = 100;
/** Without a record for so long Kafka is away, or what was to be read has been deleted. */
const SILENCE_MS_MAX = 30_000;

export interface ReadOptions {
  /** Only partitions below this number; default: all that the topic has. */
  readonly partitions?: number;
  /** The first partition to read; default 0. */
  readonly first?: number;
  /** Of each partition no more than the newest so many. */
  readonly newestMax?: number;
  /** Only what Kafka appended between these times, Unix milliseconds. */
  readonly appended?: { readonly fromMs: number; readonly toMs: number };
  /** Default: the identity of this process. */
  readonly tls?: KafkaTls;
}

/**
 * Calls `onMessage` for each record, in order within a partition; the next one waits for its
 * promise, if it gives one. Rejects when Kafka is away.
 */
export async function readTopic(
  brokers: string,
  topic: string,
  options: ReadOptions,
  onMessage: (message: Message) => unknown,
): Promise<void> {
  await assertReachable(brokers);
  const consumer = new rdkafka.KafkaConsumer(
    {
      ...clientSettings(brokers, 'tollgate-reader', options.tls),
      'group.id': 'tollgate-reader',
      'enable.auto.commit': false,
    },
    { 'auto.offset.reset': 'earliest' },
  );
  try {
    await new Promise<void>((resolve, reject) =>
      consumer.connect({ timeout: CALL_MS_MAX }, (error) => (error ? reject(error) : resolve())),
    );
    const open = await openPartitions(consumer, topic, options);
    if (open.size === 0) return;
    consumer.assign([...open].map(([partition, { from }]) => ({ topic, partition, offset: from })));
    consumer.setDefaultConsumeTimeout(CONSUME_MS);
    await consumeAll(consumer, topic, open, options.appended?.toMs, onMessage);
  } finally {
    await Promise.race([
      new Promise<void>((resolve) => consumer.disconnect(() => resolve())),
      new Promise((resolve) => setTimeout(resolve, CLOSE_MS_MAX).unref()),
    ]);
  }
}

function silence(topic: string, partitions: Iterable<number>): EngineError {
  const where = `${topic}, partitions ${[...partitions].join(', ')}`;
  const text = `no record came for ${SILENCE_MS_MAX / 1_000} s from ${where}: run it again when Kafka answers`;
  return new EngineError('kafka_away', text, { canRetry: true });
}

async function consumeAll(
  consumer: KafkaConsumer,
  topic: string,
  open: Map<number, Range>,
  toMs = Number.POSITIVE_INFINITY,
  onMessage: (message: Message) => unknown,
): Promise<void> {
  let heardAt = performance.now();
  while (open.size > 0) {
    const messages = await consume(consumer);
    if (messages.length === 0 && performance.now() - heardAt > SILENCE_MS_MAX)
      throw silence(topic, open.keys());
    for (const message of messages) {
      const range = open.get(message.partition);
      if (range === undefined) continue;
      const isLate = (message.timestamp ?? 0) > toMs;
      if (!isLate) {
        const handled = onMessage(message);
        if (handled instanceof Promise) await handled;
      }
      if (isLate || message.offset + 1 >= range.to) open.delete(message.partition);
    }
    if (messages.length > 0) heardAt = performance.now();
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
}

async function openPartitions(
  consumer: KafkaConsumer,
  topic: string,
  options: ReadOptions,
): Promise<Map<number, Range>> {
  const { first = 0, newestMax = Number.POSITIVE_INFINITY } = options;
  const count = Math.min(
    options.partitions ?? Number.POSITIVE_INFINITY,
    await partitionCount(consumer, topic),
  );
  const numbers = Array.from({ length: Math.max(0, count - first) }, (_, i) => first + i);
  const begin = await firstOffsets(consumer, topic, numbers, options.appended?.fromMs);
  const open = new Map<number, Range>();
  for (const partition of numbers) {
    const { lowOffset, highOffset } = await new Promise<{ lowOffset: number; highOffset: number }>(
      (resolve, reject) =>
        consumer.queryWatermarkOffsets(topic, partition, CALL_MS_MAX, (error, offsets) =>
          error ? reject(error) : resolve(offsets),
        ),
    );
    const from = Math.max(lowOffset, highOffset - newestMax, begin.get(partition) ?? 0);
    if (from < highOffset) open.set(partition, { from, to: highOffset });
  }
  return open;
}

async function partitionCount(consumer: KafkaConsumer, topic: string): Promise<number> {
  const metadata = await new Promise<Metadata>((resolve, reject) =>
    consumer.getMetadata({ topic, timeout: CALL_MS_MAX }, (error, found) =>
      error ? reject(error) : resolve(found),
    ),
  );
  const count =
    metadata.topics.find((topicMetadata) => topicMetadata.name === topic)?.partitions.length ?? 0;
  if (count === 0) throw away(`${topic} has no partitions: it does not exist, or not yet`);
  return count;
}

/** The first offset appended at `fromMs` or later; past the end when there is none. */
async function firstOffsets(
  consumer: KafkaConsumer,
  topic: string,
  partitions: readonly number[],
  fromMs: number | undefined,
): Promise<Map<number, number>> {
  if (fromMs === undefined) return new Map();
  // librdkafka takes and gives the time in the field of the offset.
  const asked = partitions.map((partition) => ({ topic, partition, offset: Math.max(0, fromMs) }));
  const found = await new Promise<TopicPartitionOffset[]>((resolve, reject) =>
    consumer.offsetsForTimes(asked, CALL_MS_MAX, (error, offsets) =>
      error ? reject(error) : resolve(offsets),
    ),
  );
  return new Map(
    found.map((offset) => [
      offset.partition,
      offset.offset < 0 ? Number.MAX_SAFE_INTEGER : offset.offset,
    ]),
  );
}

function away(reason: string): EngineError {
  return new EngineError('kafka_away', reason, { canRetry: true });
}

function consume(consumer: KafkaConsumer): Promise<Message[]> {
  return new Promise((resolve, reject) =>
    consumer.consume(CONSUME_MAX, (error, messages) => (error ? reject(error) : resolve(messages))),
  );
}
