/**
 * The `age` family: the payments and webhooks by time, for the sweeper, retention and moves.
 * One row names up to NAMED_MAX of what one batch wrote, since a row of its own would cost as
 * much to insert as the payment.
 *
 *   key   := time u64 | [0, for the inbox] | first key     time: Unix ms of the newest of them
 *   value := (length u16 | key)*                           the other keys
 *
 * Integers are big-endian, so rows sort by time.
 */
import { behind, type Store, type WriteBatch } from './store.js';

export type AgedFamily = 'checkouts' | 'inbox';

export interface AgeRow {
  /** The row's own key. */
  readonly row: Buffer;
  /** Unix milliseconds; none of `keys` is newer. */
  readonly atMs: number;
  readonly family: AgedFamily;
  readonly keys: readonly Buffer[];
}

export interface AgePage {
  readonly rows: readonly AgeRow[];
  /** Where the next page begins; undefined: this was the last. */
  readonly next: Buffer | undefined;
}

const TIME_BYTES = 8;
const LENGTH_BYTES = 2;
const NAMED_MAX = 64;
const PAGE_ROWS = 64;
/** No merchant's name begins with it. */
const INBOX_MARK = 0;

/** The first possible row of what is as old as `atMs`. */
export function ageBound(atMs: number): Buffer {
  const bound = Buffer.allocUnsafe(TIME_BYTES);
  bound.writeBigUInt64BE(BigInt(atMs));
  return bound;
}

/** The ages of what one batch writes: collected with its rows, put before it is written. */
export class Ages {
  readonly #family: AgedFamily;
  #newestMs = 0;
  #keys: Buffer[] = [];

  constructor(family: AgedFamily) {
    this.#family = family;
  }

  /** @param atMs Unix milliseconds */
  add(atMs: number, key: Buffer): void {
    this.#newestMs = Math.max(this.#newestMs, atMs);
    this.#keys.push(key);
  }

  /** Puts what was added, and begins anew. */
  putInto(batch: WriteBatch): void {
    if (this.#keys.length === 0) return;
    putAges(batch, this.#family, this.#newestMs, this.#keys);
    this.#newestMs = 0;
    this.#keys = [];
  }
}

/** @param newestMs Unix milliseconds; none of `keys` is newer */
export function putAges(
  batch: WriteBatch,
  family: AgedFamily,
  newestMs: number,
  keys: readonly Buffer[],
): void {
  const time = ageBound(newestMs);
  const prefix = family === 'inbox' ? Buffer.concat([time, Buffer.of(INBOX_MARK)]) : time;
  for (let i = 0; i < keys.length; i += NAMED_MAX) {
    const row = Buffer.concat([prefix, keys[i]!]);
    batch.put('age', row, encodeKeys(keys.slice(i + 1, i + NAMED_MAX)));
  }
}

/** Rows in [from, to), oldest first. */
export function agePage(store: Store, from: Buffer, to: Buffer | undefined): AgePage {
  const found = store.range('age', from, to, PAGE_ROWS);
  const rows: AgeRow[] = [];
  for (let i = 0; i < found.length; i += 2) rows.push(decode(found[i]!, found[i + 1]!));
  return { rows, next: rows.length < PAGE_ROWS ? undefined : behind(rows.at(-1)!.row) };
}

function decode(row: Buffer, value: Buffer): AgeRow {
  const isInbox = row[TIME_BYTES] === INBOX_MARK;
  const keys = [row.subarray(TIME_BYTES + (isInbox ? 1 : 0))];
  for (let at = 0; at < value.length; ) {
    const start = at + LENGTH_BYTES;
    at = start + value.readUInt16BE(at);
    keys.push(value.subarray(start, at));
  }
  const atMs = Number(row.readBigUInt64BE(0));
  return { row, atMs, family: isInbox ? 'inbox' : 'checkouts', keys };
}

function encodeKeys(keys: readonly Buffer[]): Buffer {
  const bytes = Buffer.allocUnsafe(keys.reduce((sum, key) => sum + LENGTH_BYTES + key.length, 0));
  let at = 0;
  for (const key of keys) {
    bytes.writeUInt16BE(key.length, at);
    bytes.set(key, at + LENGTH_BYTES);
    at += LENGTH_BYTES + key.length;
  }
  return bytes;
}
