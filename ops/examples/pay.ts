/**
 * A client in TypeScript: pay (repeating safely), poll, long-poll.
 * Run it: node dist/ops/examples/pay.js [API] [checkout id]
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const [api = 'http://127.0.0.1:8080', id = `order-${randomUUID()}`] = process.argv.slice(2);

/** The id makes it safe to send again whatever happened to the first try. */
async function pay(body: object): Promise<void> {
  for (let attempt = 1; attempt <= 10; attempt++) {
    try {
      const response = await fetch(`${api}/payments`, {
        method: 'POST',
        headers: { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (response.status === 202) return;
      if (response.status !== 503 && response.status !== 429)
        throw new Error(await response.text());
      await sleep(Number(response.headers.get('Retry-After') ?? 1) * 1_000);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // TypeError: the connection failed
      await sleep(attempt * 200);
    }
  }
  throw new Error('no answer after ten tries');
}

/** Every 2 s; an ETag saves the body while nothing has changed. */
async function poll(): Promise<string> {
  let etag = '';
  for (;;) {
    const response = await fetch(`${api}/payments/${id}`, { headers: { 'If-None-Match': etag } });
    etag = response.headers.get('ETag') ?? '';
    if (response.status === 200) {
      const { status } = (await response.json()) as { status: string };
      if (/succeeded|failed|canceled/.test(status)) return status;
    }
    await sleep(2_000);
  }
}

/** Answers as soon as the status changes, or after 10 s. */
async function longPoll(): Promise<string> {
  for (;;) {
    const response = await fetch(`${api}/payments/${id}`, { headers: { Prefer: 'wait=10' } });
    const { status } = (await response.json()) as { status: string };
    if (/succeeded|failed|canceled/.test(status)) return status;
  }
}

await pay({ amount: 1999, currency: 'USD', payment_method: 'pm_card_visa' });
console.log(`long poll: ${await longPoll()}`);
console.log(`poll: ${await poll()}`);
