/** Until when a record of a retry topic is held: what its ticket says, within what its topic is for. */
import type { Message } from 'node-rdkafka';
import { retryTicket } from '../../engine/codec/records.js';
import type { NamedDelay } from '../../engine/core/settings.js';
import { retryTopic } from '../../engine/core/topics.js';

/** Above a topic's delay: its jitter. One that is due later is passed on when this is over. */
const HELD_SHARE_MAX = 1.2;

/** @returns Unix milliseconds; 0 for a record of another topic, or one that cannot be read */
export function holdsUntil(delays: readonly NamedDelay[]): (message: Message) => number {
  const msByTopic = new Map(delays.map(({ name, ms }) => [retryTopic(name), ms]));
  return (message) => {
    const ms = msByTopic.get(message.topic);
    if (ms === undefined || !message.value || !retryTicket.recognises(message.value)) return 0;
    const sentAt = message.timestamp ?? Date.now();
    try {
      return Math.min(retryTicket.decode(message.value).due_at, sentAt + ms * HELD_SHARE_MAX);
    } catch {
      return 0;
    }
  };
}
