/**
 * The Kafka key of a stored row: the key of its payment, so that all records of one payment are in
 * one partition, in order.
 */
import { webhookPayment } from '../codec/in-place.js';
import { TOPICS } from '../domain/topics.js';

/** A webhook that names no payment keeps the key of its row, provider/event id. */
export function kafkaKey(topic: string, key: Buffer, value: Buffer): Buffer {
  const payment = topic === TOPICS.webhooks ? webhookPayment(value) : undefined;
  return payment === undefined ? key : Buffer.from(payment);
}
