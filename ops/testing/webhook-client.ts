/** Calls the API back as the simulator would, for tests. */
import { signatureOf } from '../fakes/simulator/webhooks.js';
import type { Answer } from './checkout-client.js';

export interface WebhookOptions {
  readonly secret: string;
  /** Seconds from now. */
  readonly skewSeconds?: number;
  /** Sent instead of what was signed. */
  readonly sentBody?: string | Buffer;
  readonly headers?: Record<string, string>;
  readonly path?: string;
}

export function eventOf(id: string, data: object): string {
  const created_at = new Date().toISOString();
  return JSON.stringify({ id, type: 'charge.captured', created_at, data });
}

export async function callBack(
  api: string,
  body: string,
  options: WebhookOptions,
): Promise<Answer> {
  const { secret, skewSeconds = 0, sentBody = body, path = '/webhooks/psp/simulator' } = options;
  const signature = signatureOf(body, secret, Date.now() + skewSeconds * 1_000);
  const response = await fetch(`${api}${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-PSP-Signature': signature,
      ...options.headers,
    },
    body: sentBody,
  });
  return { status: response.status, body: await response.text(), headers: response.headers };
}
