/** The key of a stored row in Kafka: its payment's, so that all evidence of one is in order. */
import { webhookPayment } from '../codec/in-place.js';
import { TOPICS } from '../domain/topics.js';

/** A webhook that names no payment keeps the key of its row, provider/event id. */
export function kafkaKey(topic: string, key: Buffer, value: Buffer): Buffer {
  const payment = topic === TOPICS.webhooks ? webhookPayment(value) : undefined;
  return payment === undefined ? key : Buffer.from(payment);
}
