/**
 * A client in TypeScript: pay (repeating safely), poll, long-poll.
 * Run it: node dist/ops/examples/pay.js [API] [checkout id]
 * TOLLGATE_KEY is the merchant's API key, TOLLGATE_CA a file with the API's CA, where there are such.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { env } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, fetch, type RequestInit, type Response } from 'undici';

const TRIES_MAX = 10;
const WAIT_MS_MAX = 60_000;
const [api = 'http://127.0.0.1:8080', id = `order-${randomUUID()}`] = process.argv.slice(2);
const authorization = env['TOLLGATE_KEY'] ? { Authorization: `Bearer ${env['TOLLGATE_KEY']}` } : {};
const ca = env['TOLLGATE_CA'] ? readFileSync(env['TOLLGATE_CA'], 'utf8') : undefined;
const dispatcher = new Agent(ca === undefined ? {} : { connect: { ca } });

/**
 * Tries again when the connection fails, and on 503 and 429 as Retry-After says. The id makes it
 * safe to send a payment again, whatever happened to the first try.
 */
async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...authorization, ...(init.headers as Record<string, string>) };
  for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
    let waitMs = attempt * 200;
    try {
      const response = await fetch(`${api}${path}`, { ...init, headers, dispatcher });
      if (response.status !== 503 && response.status !== 429) return response;
      waitMs = Number(response.headers.get('Retry-After') ?? 1) * 1_000;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // TypeError: the connection failed
    }
    await sleep(Math.min(waitMs, WAIT_MS_MAX));
  }
  throw new Error(`no answer after ${TRIES_MAX} tries`);
}

async function pay(body: object): Promise<void> {
  const response = await call('/payments', {
    method: 'POST',
    headers: { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 202) throw new Error(await response.text());
}

/** As often as Retry-After says; an ETag saves the body while nothing has changed. */
async function poll(): Promise<string> {
  let etag = '';
  for (;;) {
    const response = await call(`/payments/${id}`, { headers: { 'If-None-Match': etag } });
    etag = response.headers.get('ETag') ?? '';
    const status = response.status === 304 ? undefined : await statusOf(response);
    if (status !== undefined) return status;
    await sleep(Number(response.headers.get('Retry-After') ?? 2) * 1_000);
  }
}

/** Answers as soon as the status changes, or after 10 s. */
async function longPoll(): Promise<string> {
  for (;;) {
    const status = await statusOf(
      await call(`/payments/${id}`, { headers: { Prefer: 'wait=10' } }),
    );
    if (status !== undefined) return status;
  }
}

/** @returns undefined while the payment has no outcome */
async function statusOf(response: Response): Promise<string | undefined> {
  if (response.status !== 200) throw new Error(await response.text());
  const { status } = (await response.json()) as { status: string };
  return /^(succeeded|failed|canceled)$/.test(status) ? status : undefined;
}

await pay({ amount: 1999, currency: 'USD', payment_method: 'pm_card_visa' });
console.log(`long poll: ${await longPoll()}`);
console.log(`poll: ${await poll()}`);
await dispatcher.close();
