/**
 * The reference for the publisher: node-rdkafka producing the same bytes as fast as one loop can.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka from 'node-rdkafka';
import { checkoutAccepted } from '../../engine/codec/records.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { producerSettings, producerTopicSettings } from '../../engine/kafka/client.js';
import { longCheckout } from './samples.js';

const QUEUE_MAX = 50_000;

/** The same settings, size of headers and bytes. @returns confirmed records a second */
export async function produceBare(brokers: string, records: number): Promise<number> {
  const values = Array.from({ length: records }, (_, n) =>
    checkoutAccepted.encode(longCheckout(`bench-${n}`, n)),
  );
  const since = performance.now();
  const settings = producerSettings(brokers, 'bench');
  const producer = new rdkafka.Producer(settings, producerTopicSettings(0));
  let delivered = 0;
  producer.on('delivery-report', (error) => {
    if (error) throw error;
    delivered++;
  });
  await new Promise<void>((resolve) => producer.once('ready', () => resolve()).connect());
  producer.setPollInterval(5);
  const headers = [{ 'tollgate-origin': '01J00000000000000000000000:1000000:wal' }];
  for (let n = 0; n < records; n++) {
    producer.produce(TOPICS.accepted, null, values[n]!, `default/bench-${n}`, null, null, headers);
    if (n % 1_000 === 0) while (n - delivered > QUEUE_MAX) await sleep(1);
  }
  while (delivered < records) await sleep(1);
  const seconds = (performance.now() - since) / 1_000;
  await new Promise<void>((resolve) => producer.disconnect(() => resolve()));
  return records / seconds;
}
