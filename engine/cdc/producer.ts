/**
 * One producer of the CDC. It is not used again after its first failure; the publisher creates a
 * new one.
 */
import rdkafka, { type DeliveryReport, type LibrdKafkaError, type Producer } from 'node-rdkafka';
import type { EngineConfig } from '../config/config.js';
import { producerSettings, producerTopicSettings } from '../kafka/client.js';
import type { Logger } from '../util/log.js';

const CONNECT_MS_MAX = 5_000;

export interface ProducerEvents {
  readonly onReady: (producer: Producer) => void;
  readonly onDelivery: (error: LibrdKafkaError | null, report: DeliveryReport) => void;
  /** A fatal error: it sends nothing any more. */
  readonly onFailed: (reason: string) => void;
  readonly onNotConnected: () => void;
}

export function openProducer(config: EngineConfig, logger: Logger, events: ProducerEvents): void {
  const producer = new rdkafka.Producer(
    producerSettings(config.kafkaBrokers, `tollgate-engine-${config.shard}`),
    producerTopicSettings(config.kafkaMessageTimeoutMs),
  );
  producer.on('delivery-report', (error, report) => events.onDelivery(error, report));
  producer.on('event.error', (error) => {
    if (error.isFatal) events.onFailed(`the producer failed: ${error.message}`);
    else logger.debug({ reason: error.message }, 'Kafka');
  });
  producer.once('ready', () => events.onReady(producer));
  producer.connect({ timeout: CONNECT_MS_MAX }, (error) => {
    if (error) events.onNotConnected();
  });
}
