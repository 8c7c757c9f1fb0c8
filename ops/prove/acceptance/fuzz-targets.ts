/**
 * The payments that fuzzed webhooks are about: at the simulator, which has captured them and has
 * not said so; at a Stripe that takes every call and never answers; and some that have succeeded.
 */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { query } from '../../testing/books.js';
import { post } from '../../testing/checkout-client.js';
import { type LocalSystem, until } from '../../testing/system.js';
import type { Target } from './fuzz-events.js';

const AT_PROVIDER_MS_MAX = 60_000;
/** More calls without an answer would open the circuit breaker, and the rest would not be sent. */
const SILENT_MAX = 15;
/** Of each of these groups. */
const KINDS = [
  { provider: 'simulator', method: 'pm_webhook_lost', status: 'processing' },
  { provider: 'stripe', method: 'pm_card_visa', status: 'processing' },
  { provider: 'simulator', method: 'pm_card_visa', status: 'succeeded' },
] as const;
const AMOUNT = 1_999;
const CURRENCY = 'USD';

/** A provider that never answers. */
export interface SilentProvider {
  readonly url: string;
  close(): Promise<void>;
}

export async function startSilentProvider(): Promise<SilentProvider> {
  const server: Server = createServer((socket) => socket.resume().on('error', () => {}));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** @returns at most `count` payments of each kind, each where it stays until a webhook moves it */
export async function targetsIn(system: LocalSystem, count: number): Promise<Target[]> {
  const wanted = KINDS.flatMap((kind, k) => {
    const length = kind.provider === 'stripe' ? Math.min(count, SILENT_MAX) : count;
    return Array.from({ length }, (_, i) => ({ ...kind, id: `target-${k}-${i}` }));
  });
  const queue = wanted.values();
  const client = async (): Promise<void> => {
    for (const { id, provider, method } of queue) {
      const body = { amount: AMOUNT, currency: CURRENCY, payment_method: method, provider };
      const { status } = await post(system.endpoints.api, id, body);
      if (status !== 202) throw new Error(`the target ${id} got ${status}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  const references = new Map<string, string | null>();
  await until('every target is at its provider', AT_PROVIDER_MS_MAX, async () => {
    for (const row of await atProvider(system)) references.set(row.id, row.reference);
    return references.size === wanted.length;
  });
  return wanted.map(({ id, provider, status }) => ({
    ...{ id, provider, status, amount: AMOUNT, currency: CURRENCY },
    reference: references.get(id) ?? `pi_of_${id}`,
    isReferenceKnown: typeof references.get(id) === 'string',
  }));
}

function atProvider(system: LocalSystem): Promise<{ id: string; reference: string | null }[]> {
  return query(
    system,
    `select checkout_id as id, provider_reference as reference from payments
     where checkout_id like 'target-%' and first_sent_at is not null and
       case when checkout_id like 'target-0-%' then provider_reference is not null
         when checkout_id like 'target-2-%' then status = 'succeeded' else true end`,
  );
}
