/** Settings that all Kafka clients share. node-rdkafka works on main threads only. */
import { connect } from 'node:net';
import type { GlobalConfig, ProducerGlobalConfig, ProducerTopicConfig } from 'node-rdkafka';
import { type KafkaTls, kafkaTls } from '../config/config.js';
import { PARTITIONER } from '../domain/topics.js';
import { EngineError } from '../util/errors.js';

const REACH_MS_MAX = 1_000;

/**
 * Rejects at once when no broker listens. librdkafka's own calls take seconds to say so, and
 * each holds one of the few threads that also write our small files.
 */
export async function assertReachable(brokers: string): Promise<void> {
  const reached = brokers.split(',').map((part) => {
    const [host, port] = part.trim().split(/:(?=\d+$)/);
    return new Promise<void>((resolve, reject) => {
      const socket = connect({
        host: host ?? '',
        port: Number(port ?? 9092),
        timeout: REACH_MS_MAX,
      });
      const fail = (): void => {
        socket.destroy();
        reject(
          new EngineError('kafka_away', `no broker listens at ${brokers}`, { canRetry: true }),
        );
      };
      socket
        .once('error', fail)
        .once('timeout', fail)
        .once('connect', () => {
          socket.destroy();
          resolve();
        });
    });
  });
  await Promise.any(reached).catch((error: AggregateError) => {
    throw error.errors[0];
  });
}

/**
 * @param tls this process' identity; librdkafka reads the files when a client is made, so a
 *   renewed certificate takes a new client
 */
export function clientSettings(
  brokers: string,
  clientId: string,
  tls: KafkaTls | undefined = kafkaTls(),
): GlobalConfig {
  return {
    ...(tls ? tlsSettings(tls) : {}),
    'bootstrap.servers': brokers,
    'client.id': clientId,
    'socket.keepalive.enable': true,
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 1_000,
    log_level: 2,
  };
}

function tlsSettings({ ca, cert, key }: KafkaTls): GlobalConfig {
  return {
    'security.protocol': 'ssl',
    'ssl.ca.location': ca,
    'ssl.certificate.location': cert,
    'ssl.key.location': key,
    'enable.ssl.certificate.verification': true,
    'ssl.endpoint.identification.algorithm': 'https',
  };
}

/** Idempotent, and acknowledged by all in-sync replicas. */
export function producerSettings(
  brokers: string,
  clientId: string,
  tls?: KafkaTls,
): ProducerGlobalConfig {
  return {
    ...clientSettings(brokers, clientId, tls),
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
