/**
 * The certificate by which this process is known to Kafka, while it is renewed: librdkafka
 * reads the files when a client is made, so who holds a client for long makes a new one.
 */
import { kafkaTls } from '../config/config.js';
import { FileWatch } from '../util/file-watch.js';

const LOOK_MS = 2_000;

export function onRenewedIdentity(renew: () => void): { stop(): void } {
  const tls = kafkaTls();
  return new FileWatch(tls ? [tls.ca, tls.cert, tls.key] : [], LOOK_MS, renew);
}
