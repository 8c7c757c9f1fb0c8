/** Settings that every Kafka client shares. node-rdkafka works on main threads only. */
import type { GlobalConfig, ProducerGlobalConfig, ProducerTopicConfig } from 'node-rdkafka';
import { PARTITIONER } from '../core/topics.js';

export function clientSettings(brokers: string, clientId: string): GlobalConfig {
  return {
    'bootstrap.servers': brokers,
    'client.id': clientId,
    'socket.keepalive.enable': true,
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 1_000,
    log_level: 2,
  };
}

/** Idempotent, and acknowledged by all in-sync replicas. */
export function producerSettings(brokers: string, clientId: string): ProducerGlobalConfig {
  return {
    ...clientSettings(brokers, clientId),
    dr_cb: true,
    'enable.idempotence': true,
    'linger.ms': 2,
    'queue.buffering.max.messages': 100_000,
    'queue.buffering.max.kbytes': 512 * 1024,
    'compression.codec': 'none',
  };
}

/** @param messageTimeoutMs a record that is not delivered within this fails; 0: never */
export function producerTopicSettings(messageTimeoutMs: number): ProducerTopicConfig {
  return {
    'request.required.acks': -1,
    'message.timeout.ms': messageTimeoutMs,
    partitioner: PARTITIONER,
  };
}
