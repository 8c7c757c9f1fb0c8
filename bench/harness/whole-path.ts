/** Posts at a constant rate and follows each payment by long polls until it is terminal. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

const CONNECTIONS_MAX = 256;
const POLLS_MAX = 20;

export interface Followed {
  readonly id: string;
  /** Unix milliseconds, with fractions, at which it was due. */
  readonly dueAt: number;
  /** Milliseconds from due to the 202, and to the answer that says it is terminal. */
  readonly acceptedMs: number;
  readonly readableMs: number;
  readonly status: string;
}

export async function postAndAwait(
  api: string,
  plan: { readonly prefix: string; readonly ratePerSecond: number; readonly count: number },
): Promise<Followed[]> {
  const pool = new Pool(api, { connections: CONNECTIONS_MAX });
  const start = performance.now();
  const followed: Promise<Followed>[] = [];
  for (let n = 0; n < plan.count; n++) {
    const dueAt = start + (n * 1_000) / plan.ratePerSecond;
    const wait = dueAt - performance.now();
    if (wait > 0) await sleep(wait);
    followed.push(follow(pool, `${plan.prefix}-${n}`, dueAt));
  }
  const all = await Promise.all(followed);
  await pool.close();
  return all;
}

async function follow(pool: Pool, id: string, dueAt: number): Promise<Followed> {
  const since = (): number => performance.now() - dueAt;
  const posted = await pool.request({
    method: 'POST',
    path: '/payments',
    headers: { 'x-payment-checkout-id': id, 'content-type': 'application/json' },
    body: '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}',
  });
  await posted.body.dump();
  const acceptedMs = since();
  let tag = '"v0"';
  for (let polls = 0; polls < POLLS_MAX && posted.statusCode === 202; polls++) {
    const read = await pool.request({
      method: 'GET',
      path: `/payments/${id}`,
      headers: { prefer: 'wait=10', 'if-none-match': tag },
    });
    const text = await read.body.text();
    tag = String(read.headers.etag ?? tag);
    if (read.statusCode !== 200) continue;
    const { status } = JSON.parse(text) as { status: string };
    if (status !== 'pending' && status !== 'processing')
      return { id, dueAt: performance.timeOrigin + dueAt, acceptedMs, readableMs: since(), status };
  }
  const status = `${posted.statusCode}, never terminal`;
  return { id, dueAt: performance.timeOrigin + dueAt, acceptedMs, readableMs: since(), status };
}
