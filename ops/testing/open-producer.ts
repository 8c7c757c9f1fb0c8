/** A sender for tests and proofs; a fatal error of its producer fails them. */
import { createLogger } from '../../engine/util/log.js';
import { Sender } from '../../workers/outbox/kafka-producer.js';

export function openSender(brokers: string, connectMsMax = 5_000): Sender {
  const onFatal = (reason: string): never => {
    throw new Error(reason);
  };
  const logger = createLogger('test', 'error');
  return new Sender({ brokers, connectMsMax, logger, onDelivered: () => {}, onFatal });
}
