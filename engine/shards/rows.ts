/**
 * The form in which engines exchange a payment's rows: the stored bytes, in base64. Pages follow
 * the `age` family, so that an engine can request only the rows after a given time.
 */
import { type Static, Type } from '@sinclair/typebox';
import { checkoutIdOf } from '../domain/payment.js';
import { ownStatus } from '../store/own-status.js';
import { behind, type Store } from '../store/store.js';
import { type AgeRow, ageBound, agePage } from '../store/time-index.js';

const PAGE_BYTES_MAX = 4 << 20;
/** Looks at the `age` family for one page, so that nobody waits long behind it. */
const SCANS_MAX = 16;

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
  const status = ownStatus(store, bytes, checkout);
  return {
    key,
    checkout: checkout.toString('base64'),
    status: status?.toString('base64') ?? null,
  };
}

/**
 * A page of the payments that `belongs` names.
 * @param from hex of the `age` row to begin at; see `pageStart`
 */
export function pageOf(store: Store, from: string, belongs: (id: string) => boolean): Page {
  const rows: MovedRow[] = [];
  let bytes = 0;
  let next: Buffer | undefined = Buffer.from(from, 'hex');
  for (let scans = 0; next !== undefined && scans < SCANS_MAX; scans++) {
    const page = agePage(store, next, undefined);
    for (const age of page.rows) {
      for (const row of movedOf(store, age, belongs)) {
        rows.push(row);
        bytes += row.checkout.length + (row.status?.length ?? 0);
      }
      if (bytes > PAGE_BYTES_MAX) return { rows, next: behind(age.row).toString('hex') };
    }
    next = page.next;
  }
  return { rows, next: next?.toString('hex') ?? null };
}

/** The first page of what was accepted since a moment. */
export function pageStart(acceptedSinceMs: number): string {
  return ageBound(acceptedSinceMs).toString('hex');
}

function movedOf(store: Store, age: AgeRow, belongs: (id: string) => boolean): MovedRow[] {
  if (age.family === 'inbox') return [];
  return age.keys
    .map((key) => key.toString())
    .filter((key) => belongs(checkoutIdOf(key)))
    .map((key) => rowOf(store, key))
    .filter((row) => row !== undefined);
}
