/** Until when a record of a retry topic is held: what its ticket says, within what its topic is for. */
import type { Message } from 'node-rdkafka';
import { retryTicket } from '../../engine/codec/records.js';
import { paymentKey } from '../../engine/core/payment.js';
import type { NamedDelay } from '../../engine/core/settings.js';
import { retryTopic } from '../../engine/core/topics.js';
import type { Hold } from './held.js';

/** Above a topic's delay: its jitter. One that is due later is passed on when this is over. */
const HELD_SHARE_MAX = 1.2;

/** @returns undefined for a record of another topic, or one that cannot be read */
export function holdOf(delays: readonly NamedDelay[]): (message: Message) => Hold | undefined {
  const msByTopic = new Map(delays.map(({ name, ms }) => [retryTopic(name), ms]));
  return (message) => {
    const ms = msByTopic.get(message.topic);
    if (ms === undefined || !message.value || !retryTicket.recognises(message.value)) return;
    const sentAt = message.timestamp ?? Date.now();
    try {
      const { merchant, checkout_id, asks, due_at } = retryTicket.decode(message.value);
      const until = Math.min(due_at, sentAt + ms * HELD_SHARE_MAX);
      return { until, id: `${paymentKey(merchant, checkout_id)}/${asks}` };
    } catch {
      return undefined;
    }
  };
}
