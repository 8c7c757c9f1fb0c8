/**
 * Computes how long a record of a retry topic is held: until its due time by Postgres' clock,
 * which set it, and never longer than the topic's delay. So a wrong clock cannot hold a record for
 * a day.
 */
import type { Message } from 'node-rdkafka';
import { retryTicket } from '../../engine/codec/records.js';
import type { NamedDelay } from '../../engine/config/settings.js';
import { paymentKey } from '../../engine/domain/payment.js';
import { retryTopic } from '../../engine/domain/topics.js';
import type { Hold } from './delay-queue.js';

/** Above a topic's delay: its jitter. One that is due later is passed on when this is over. */
const HELD_SHARE_MAX = 1.2;

/**
 * @param now Unix milliseconds by Postgres' clock
 * @returns undefined for a record of another topic, or one that cannot be read
 */
export function holdOf(
  delays: readonly NamedDelay[],
  now: () => number,
): (message: Message) => Hold | undefined {
  const msByTopic = new Map(delays.map(({ name, ms }) => [retryTopic(name), ms]));
  return (message) => {
    const ms = msByTopic.get(message.topic);
    if (ms === undefined || !message.value || !retryTicket.recognises(message.value)) return;
    try {
      const { merchant, checkout_id, asks, due_at } = retryTicket.decode(message.value);
      const waitMs = Math.min(due_at - now(), ms * HELD_SHARE_MAX);
      return { waitMs, id: `${paymentKey(merchant, checkout_id)}/${asks}` };
    } catch {
      return undefined;
    }
  };
}
