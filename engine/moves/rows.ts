/**
 * A payment's rows as engines hand them to each other: the stored bytes, in base64. Pages
 * follow the `age` family, so that what came after a moment can be asked for alone.
 */
import { type Static, Type } from '@sinclair/typebox';
import { ageBound, splitAgeKey } from '../store/families.js';
import type { Store } from '../store/store.js';

const PAGE_BYTES_MAX = 4 << 20;
const SCANNED_MAX = 5_000;

const base64 = (bytesMax: number) => Type.String({ maxLength: Math.ceil(bytesMax / 3) * 4 });

export const MovedRow = Type.Object({
  /** merchant/id */
  key: Type.String({ pattern: '^[^/]{1,64}/[A-Za-z0-9_-]{1,64}$' }),
  /** CheckoutAccepted */
  checkout: base64(64 * 1024),
  /** PaymentStatus; null means pending */
  status: Type.Union([base64(256 * 1024), Type.Null()]),
});
export type MovedRow = Static<typeof MovedRow>;

export interface Page {
  readonly rows: readonly MovedRow[];
  /** Where the next page begins; null: this was the last. */
  readonly next: string | null;
}

export function rowOf(store: Store, key: string): MovedRow | undefined {
  const bytes = Buffer.from(key);
  const checkout = store.get('checkouts', bytes);
  if (checkout === undefined) return undefined;
  const status = store.get('status', bytes);
  return {
    key,
    checkout: checkout.toString('base64'),
    status: status?.toString('base64') ?? null,
  };
}

/**
 * A page of the payments that `belongs` names.
 * @param from hex of the `age` key to begin at; see `pageStart`
 */
export function pageOf(store: Store, from: string, belongs: (id: string) => boolean): Page {
  const rows: MovedRow[] = [];
  const scanned = store.range('age', Buffer.from(from, 'hex'), undefined, SCANNED_MAX);
  let bytes = 0;
  for (let i = 0; i < scanned.length; i += 2) {
    const key = splitAgeKey(scanned[i]!).key.toString();
    if (!belongs(key.slice(key.indexOf('/') + 1))) continue;
    const row = rowOf(store, key);
    if (row === undefined) continue;
    rows.push(row);
    bytes += row.checkout.length + (row.status?.length ?? 0);
    if (bytes > PAGE_BYTES_MAX) return { rows, next: after(scanned[i]!) };
  }
  const isLast = scanned.length < SCANNED_MAX * 2;
  return { rows, next: isLast ? null : after(scanned.at(-2)!) };
}

/** The first page of what was accepted since a moment. */
export function pageStart(acceptedSinceMs: number): string {
  return ageBound(acceptedSinceMs).toString('hex');
}

function after(ageKey: Buffer): string {
  return `${ageKey.toString('hex')}00`;
}
