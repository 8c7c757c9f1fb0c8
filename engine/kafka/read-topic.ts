/** Reads what a topic holds now, from the earliest record to each partition's present end. */
import rdkafka, { type KafkaConsumer, type Message } from 'node-rdkafka';
import type { KafkaTls } from '../core/config.js';
import { assertReachable, clientSettings } from './client.js';

const CALL_MS_MAX = 5_000;
const CLOSE_MS_MAX = 2_000;
const CONSUME_MAX = 1_000;
const CONSUME_MS = 100;

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
    while (open.size > 0) {
      for (const message of await consume(consumer)) {
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
