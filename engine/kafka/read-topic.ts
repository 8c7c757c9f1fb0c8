/** Reads what a topic holds now, from the earliest record to each partition's present end. */
import rdkafka, { type KafkaConsumer, type Message } from 'node-rdkafka';
import type { KafkaTls } from '../core/config.js';
import { EngineError } from '../core/errors.js';
import { assertReachable, clientSettings } from './client.js';

const CALL_MS_MAX = 5_000;
const CLOSE_MS_MAX = 2_000;
const CONSUME_MAX = 1_000;
const CONSUME_MS = 100;
/** Without a record for so long Kafka is away, or what was to be read has been deleted. */
const SILENCE_MS_MAX = 30_000;

export interface ReadOptions {
  readonly partitions: number;
  /** The first partition to read; default 0. */
  readonly first?: number;
  /** Of each partition no more than the newest so many. */
  readonly newestMax?: number;
  /** Default: the identity of this process. */
  readonly tls?: KafkaTls;
}

/** Calls `onMessage` for each record, in order within a partition. Rejects when Kafka is away. */
export async function readTopic(
  brokers: string,
  topic: string,
  options: ReadOptions,
  onMessage: (message: Message) => void,
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
    let heardAt = performance.now();
    while (open.size > 0) {
      const messages = await consume(consumer);
      if (messages.length > 0) heardAt = performance.now();
      else if (performance.now() - heardAt > SILENCE_MS_MAX) throw silence(topic, open.keys());
      for (const message of messages) {
        const range = open.get(message.partition);
        if (range === undefined) continue;
        onMessage(message);
        if (message.offset + 1 >= range.to) open.delete(message.partition);
      }
    }
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

interface Range {
  readonly from: number;
  readonly to: number;
}

async function openPartitions(
  consumer: KafkaConsumer,
  topic: string,
  { partitions, first = 0, newestMax = Number.POSITIVE_INFINITY }: ReadOptions,
): Promise<Map<number, Range>> {
  const open = new Map<number, Range>();
  for (let partition = first; partition < partitions; partition++) {
    const { lowOffset, highOffset } = await new Promise<{ lowOffset: number; highOffset: number }>(
      (resolve, reject) =>
        consumer.queryWatermarkOffsets(topic, partition, CALL_MS_MAX, (error, offsets) =>
          error ? reject(error) : resolve(offsets),
        ),
    );
    const from = Math.max(lowOffset, highOffset - newestMax);
    if (from < highOffset) open.set(partition, { from, to: highOffset });
  }
  return open;
}

function consume(consumer: KafkaConsumer): Promise<Message[]> {
  return new Promise((resolve, reject) =>
    consumer.consume(CONSUME_MAX, (error, messages) => (error ? reject(error) : resolve(messages))),
  );
}
