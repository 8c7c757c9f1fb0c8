/** The ids that a log line about a task carries. Accepts any record; it never throws. */
import { webhookReceived } from '../../engine/codec/records.js';
import type { Work } from './work.js';

const KEY_CHARS_MAX = 400;

export function namesOf({ key, task, record }: Work): Record<string, unknown> {
  const place = record && {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
  };
  const payment = task.kind === 'ask' && {
    merchant: task.ask.merchant,
    checkoutId: task.ask.checkoutId,
  };
  const late = task.kind === 'late_capture' && {
    merchant: task.claim.merchant,
    checkoutId: task.claim.checkoutId,
    provider: task.claim.provider,
    reference: task.claim.reference,
  };
  const event = task.kind === 'webhook' && eventOf(task.value);
  return {
    key: key.slice(0, KEY_CHARS_MAX),
    kind: task.kind,
    ...payment,
    ...late,
    ...event,
    ...place,
  };
}

function eventOf(value: Uint8Array): { provider: string; eventId: string } | undefined {
  try {
    const { provider, event_id } = webhookReceived.decode(Buffer.from(value));
    return { provider, eventId: event_id };
  } catch {
    return undefined;
  }
}
