/** Parses a stored webhook of any provider into a claim for the state machine. */
import type { WebhookReceived } from '../../engine/codec/records.js';
import type { Json, Reading } from './event-claim.js';
import { readSimulatorEvent } from './simulator-event.js';
import { readStripeEvent } from './stripe-event.js';

export function readWebhook({ provider, body }: WebhookReceived): Reading {
  let event: unknown;
  try {
    event = JSON.parse(body.toString('utf8'));
  } catch {
    return { kind: 'malformed', detail: 'the body is not JSON' };
  }
  // The engine takes webhooks of Stripe and of simulators, which may have any other name.
  return provider === 'stripe' ? readStripeEvent(event as Json) : readSimulatorEvent(event as Json);
}
