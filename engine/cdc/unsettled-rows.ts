/** Finds stored rows that may still wait for an outcome, and publishes them again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { paymentStatus, tryDecode } from '../codec/records.js';
import { isTerminal } from '../domain/payment.js';
import type { Family } from '../store/families.js';
import { ownStatus } from '../store/own-status.js';
import type { Store } from '../store/store.js';
import type { CdcPublisher } from './publisher.js';

const RETRY_MS = 1_000;

export interface Row {
  readonly family: Family;
  readonly key: Buffer;
  readonly value: Buffer;
}

/**
 * Whether the payment with this key (merchant/id) has a status that is final.
 * @param beforeMs and that Postgres dates before this, Unix milliseconds
 */
export function isSettled(store: Store, key: Buffer, beforeMs = Number.POSITIVE_INFINITY): boolean {
  return isFinalBefore(ownStatus(store, key), beforeMs);
}

/**
 * A status that cannot be decoded is not final: its payment is kept, and published again where
 * that is asked.
 * @param bytes an encoded PaymentStatus
 */
export function isFinalBefore(bytes: Buffer | undefined, beforeMs: number): boolean {
  const status = bytes && tryDecode(paymentStatus, bytes);
  return status !== undefined && isTerminal(status.status) && status.updated_at < beforeMs;
}

/** Publishes the rows and waits for Kafka's word, again and again until it has all of them. */
export async function republishAll(
  publisher: CdcPublisher,
  rows: readonly Row[],
  source: 'rescan' | 'sweep',
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await Promise.all(
        rows.map((row) => publisher.republish(row.family, row.key, row.value, source)),
      );
      return;
    } catch {
      // Kafka is away, or the producer was started again: all of them once more.
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}
