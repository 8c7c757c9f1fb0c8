/**
 * A librdkafka consumer in a consumer group. The read loop of node-rdkafka ends silently at the
 * first error that it does not know, such as a coordinator that moved during a request for
 * committed offsets. Statistics arrive through the same loop; when they stop, the loop has ended
 * and the client must be replaced.
 */
import rdkafka, { type Assignment, type KafkaConsumer, type LibrdKafkaError } from 'node-rdkafka';
import { assertReachable, clientSettings } from '../../engine/kafka/client.js';
import type { IntakeParts } from './consumer-options.js';

/** How soon topics and partitions that appear are noticed. */
const METADATA_MS = 30_000;
const STATISTICS_MS = 1_000;
/** Turns without statistics. Turns, not time: a process that was stopped has not lost its loop. */
const SILENT_TURNS_MAX = 5;

/** A client whose `connect` has failed never becomes ready: each call makes a new one. */
export async function connectGroupClient(
  { brokers, groupId, connectMsMax, logger, onFatal }: IntakeParts,
  onRebalance: (consumer: KafkaConsumer, code: number, assignment: Assignment[]) => void,
): Promise<KafkaConsumer> {
  await assertReachable(brokers);
  const consumer: KafkaConsumer = new rdkafka.KafkaConsumer(
    {
      ...clientSettings(brokers, 'tollgate-processor'),
      'group.id': groupId,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'session.timeout.ms': 6_000,
      'heartbeat.interval.ms': 1_500,
      'queued.max.messages.kbytes': 1_024,
      'fetch.wait.max.ms': 50,
      'topic.metadata.refresh.interval.ms': METADATA_MS,
      'statistics.interval.ms': STATISTICS_MS,
      rebalance_cb: (error: LibrdKafkaError, assignment: Assignment[]) =>
        onRebalance(consumer, error.code, assignment),
    },
    { 'auto.offset.reset': 'earliest' },
  );
  consumer.on('event.error', (error) => {
    if (error.isFatal) onFatal(`the consumer failed: ${error.message}`);
    else logger.debug({ reason: error.message }, 'Kafka');
  });
  await new Promise<void>((resolve, reject) =>
    consumer.connect({ timeout: connectMsMax }, (error) => (error ? reject(error) : resolve())),
  );
  return consumer;
}

/** Emits `data` for each record until the client is disconnected, or `onEnd` is called. */
export function readAll(
  consumer: KafkaConsumer,
  topics: readonly string[],
  onEnd: (reason: string) => void,
): void {
  let silentTurns = 0;
  consumer.on('event.stats', () => {
    silentTurns = 0;
  });
  const timer = setInterval(() => {
    if (++silentTurns < SILENT_TURNS_MAX) return;
    clearInterval(timer);
    onEnd('the read loop of the client has ended');
  }, STATISTICS_MS);
  timer.unref();
  consumer.once('disconnected', () => clearInterval(timer));
  consumer.subscribe([...topics]);
  consumer.consume();
}
