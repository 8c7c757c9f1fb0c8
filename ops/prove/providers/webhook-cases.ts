/**
 * The table of webhooks about a payment that its provider has captured: what is sent, what
 * it is answered, and what the payment then is.
 */
import type { WebhookOptions } from '../../testing/webhook-client.js';

/** The present secret, the one before it, and one that is no longer taken. */
export const NEW = 'whsec_new_of_this_proof';
export const OLD = 'whsec_old_of_this_proof';
const RETIRED = 'whsec_retired_long_ago';

export interface WebhookCase {
  readonly name: string;
  readonly code: number;
  readonly status: string;
  /** Of the event's data. */
  readonly data?: object;
  readonly options?: Partial<WebhookOptions>;
  /** A dead letter with this reason must follow. */
  readonly dead?: string;
}

export const WEBHOOK_CASES: readonly WebhookCase[] = [
  { name: 'good', code: 200, status: 'succeeded' },
  {
    name: 'signed with the secret before',
    code: 200,
    status: 'succeeded',
    options: { secret: OLD },
  },
  {
    name: 'by the path without ids',
    code: 200,
    status: 'succeeded',
    options: { path: '/webhooks/psp/simulator' },
  },
  {
    name: 'declined',
    code: 200,
    status: 'failed',
    data: { status: 'declined', failure_code: 'expired_card' },
  },
  { name: 'authorized only', code: 200, status: 'processing', data: { status: 'authorized' } },
  { name: 'stale, 301 s', code: 401, status: 'processing', options: { skewSeconds: -301 } },
  { name: 'one byte changed', code: 401, status: 'processing', options: { sentBody: 'changed' } },
  {
    name: 'signed with a retired secret',
    code: 401,
    status: 'processing',
    options: { secret: RETIRED },
  },
  {
    name: 'from an address that is not theirs',
    code: 403,
    status: 'processing',
    options: { headers: { 'X-Real-IP': '203.0.113.9' } },
  },
  {
    name: 'from an IPv6 address of theirs',
    code: 200,
    status: 'succeeded',
    options: { headers: { 'X-Real-IP': '2001:db8::1' } },
  },
  {
    name: 'to an unknown provider',
    code: 404,
    status: 'processing',
    options: { path: '/webhooks/psp/nobody' },
  },
  {
    name: 'another amount',
    code: 200,
    status: 'processing',
    data: { amount: 1 },
    dead: 'webhook_other_amount',
  },
  {
    name: 'another currency',
    code: 200,
    status: 'processing',
    data: { currency: 'EUR' },
    dead: 'webhook_other_amount',
  },
  {
    name: 'of another charge',
    code: 200,
    status: 'processing',
    data: { reference: 'ch_other' },
    dead: 'webhook_other_reference',
  },
];
