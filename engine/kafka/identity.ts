/**
 * The certificate that identifies this process to Kafka, and its renewal. librdkafka reads the
 * files when a client is created, so a long-lived client must be created again after a renewal.
 */
import { kafkaTls } from '../config/config.js';
import { FileWatch } from '../util/file-watch.js';

const LOOK_MS = 2_000;

export function onRenewedIdentity(renew: () => void): { stop(): void } {
  const tls = kafkaTls();
  return new FileWatch(tls ? [tls.ca, tls.cert, tls.key] : [], LOOK_MS, renew);
}
