/**
 * Reads payments through the API until they all succeeded. A status that Postgres has published
 * is on its way to the engine for some milliseconds; one that stays behind is a fault.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Books, nameOf, type PaymentName } from './books.js';

const READERS = 32;
const ON_THE_WAY_MS_MAX = 10_000;
const PAUSE_MS = 200;

/** @returns the payments that do not read `succeeded` in time, each with what it read last */
export async function leftBehind(
  books: Books,
  payments: readonly PaymentName[],
): Promise<readonly string[]> {
  const tls = books.ca === undefined ? {} : { connect: { ca: books.ca } };
  const pool = new Pool(books.api, { connections: READERS, ...tls });
  const until = Date.now() + ON_THE_WAY_MS_MAX;
  try {
    for (let open = payments; ; await sleep(PAUSE_MS)) {
      const behind = await notSucceeded(pool, books, open);
      if (behind.size === 0 || Date.now() > until)
        return [...behind].map(([key, last]) => `${nameOf(key)} (${last})`);
      open = [...behind.keys()];
    }
  } finally {
    await pool.destroy();
  }
}

async function notSucceeded(
  pool: Pool,
  books: Books,
  payments: readonly PaymentName[],
): Promise<Map<PaymentName, string>> {
  const behind = new Map<PaymentName, string>();
  const queue = payments.values();
  const reader = async (): Promise<void> => {
    for (const paymentName of queue) {
      const headers = books.headers[paymentName.merchant] ?? {};
      const { body } = await pool.request({
        method: 'GET',
        path: `/payments/${paymentName.id}`,
        headers,
      });
      const answer = (await body.json()) as { status: string | number; code?: string };
      if (answer.status !== 'succeeded')
        behind.set(paymentName, answer.code ?? String(answer.status));
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return behind;
}
