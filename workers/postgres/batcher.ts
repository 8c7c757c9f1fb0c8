/**
 * Micro-batches writes: rows that arrive while one batch is being written form the next one. A
 * small batch waits some milliseconds for more rows, because a statement costs the same for one
 * row as for twenty. A batch that fails because Postgres is unreachable is retried until it is
 * back. A batch that fails for any other reason is split until the faulty row is alone, so one row
 * never delays others. Bounded by its callers: each waits for its own row.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './clock.js';
import { isAway } from './pool.js';
import { WriteReporter } from './write-reports.js';

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;
/** A batch of so many rows waits for no more. */
const ROWS_ENOUGH = 32;

interface Entry<Row, Result> {
  readonly row: Row;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** A result, and when the statement that brought it was sent. */
export interface Dated<Result> {
  readonly result: Result;
  /** By `monotonicMs`: what the statement dates is not older. */
  readonly begunAt: number;
}

/** The same writing function, whose results say when it was called. */
export function dated<Row, Result>(
  write: (rows: readonly Row[]) => Promise<readonly Result[]>,
): (rows: readonly Row[]) => Promise<readonly Dated<Result>[]> {
  return async (rows) => {
    const begunAt = monotonicMs();
    const results = await write(rows);
    return results.map((result) => ({ result, begunAt }));
  };
}

export class Batcher<Row extends { readonly key: string }, Result> {
  readonly #write: (rows: readonly Row[]) => Promise<readonly Result[]>;
  readonly #rowsMax: number;
  readonly #gatherMs: number;
  #waiting: Entry<Row, Result>[] = [];
  #isWriting = false;
  readonly #reporter = new WriteReporter();

  /**
   * @param write one transaction over rows sorted by key, no key twice; gives one result a
   *   row, in order. Must be safe to repeat when it is not known whether it was committed.
   * @param gatherMs how long a small batch waits for more rows
   */
  constructor(
    write: (rows: readonly Row[]) => Promise<readonly Result[]>,
    rowsMax: number,
    gatherMs = 1,
  ) {
    this.#write = write;
    this.#rowsMax = rowsMax;
    this.#gatherMs = gatherMs;
  }

  /** Resolves once the row is committed; rejects when this very row cannot be written. */
  add(row: Row): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, resolve, reject });
      if (this.#isWriting) return;
      this.#isWriting = true;
      queueMicrotask(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < ROWS_ENOUGH) await sleep(this.#gatherMs);
      await this.#flush(this.#takeBatch());
    }
    this.#isWriting = false;
  }

  /** At most `rowsMax`, each key once: a second row of one key goes into the next batch. */
  #takeBatch(): Entry<Row, Result>[] {
    const taken = new Map<string, Entry<Row, Result>>();
    const left: Entry<Row, Result>[] = [];
    for (const entry of this.#waiting) {
      if (taken.size < this.#rowsMax && !taken.has(entry.row.key)) taken.set(entry.row.key, entry);
      else left.push(entry);
    }
    this.#waiting = left;
    return [...taken.values()].sort((a, b) => (a.row.key < b.row.key ? -1 : 1));
  }

  async #flush(entries: readonly Entry<Row, Result>[]): Promise<void> {
    try {
      const results = await this.#persist(entries.map((entry) => entry.row));
      for (const [i, entry] of entries.entries()) entry.resolve(results[i]!);
    } catch (error) {
      if (entries.length === 1) {
        for (const entry of entries) entry.reject(error);
        return;
      }
      const half = entries.length >> 1;
      await this.#flush(entries.slice(0, half));
      await this.#flush(entries.slice(half));
    }
  }

  async #persist(rows: readonly Row[]): Promise<readonly Result[]> {
    for (let wait = RETRY_MS_MIN; ; wait = Math.min(wait * 2, RETRY_MS_MAX)) {
      try {
        const results = await this.#write(rows);
        this.#reporter.succeeded();
        return results;
      } catch (error) {
        if (!isAway(error)) throw error;
        this.#reporter.failed();
      }
      await sleep(wait);
    }
  }
}
