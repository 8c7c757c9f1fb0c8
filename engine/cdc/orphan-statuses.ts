/**
 * Deletes final statuses whose checkout is not stored here. Such a status arrives after the
 * retention has deleted its checkout (a refund, a dispute, `payments.status` read again from its
 * first record), or instead of a checkout that was lost with its volume. No GET shows it.
 *
 * Keeps: a status is deleted only once it is final and older than the retention. It may be that
 * of a lost checkout whose client sends it again, and then it is the answer. A checkout that is
 * accepted after the deletion has no status; the sweeper asks Postgres to publish the newest.
 *
 * Each pass goes on where the last one ended, and ends behind the page with the `keptMax`th row
 * that stays. Deleted rows do not count, so late rows cannot outgrow the passes.
 */

import { behind, type Store } from '../store/store.js';
import { isFinalBefore } from './unsettled-rows.js';

const PAGE_ROWS = 64;
const KEPT_MAX = 50_000;
const FIRST = Buffer.alloc(0);

export class LateStatuses {
  readonly #store: Store;
  readonly #keptMax: number;
  #from: Buffer = FIRST;
  deleted = 0;

  constructor(store: Store, keptMax = KEPT_MAX) {
    this.#store = store;
    this.#keptMax = keptMax;
  }

  /** @param untilMs Unix milliseconds: what is older may be deleted */
  async pass(untilMs: number, isStopped: () => boolean): Promise<void> {
    let kept = 0;
    while (kept < this.#keptMax && !isStopped()) {
      kept += this.#page(untilMs);
      if (this.#from === FIRST) return;
      await new Promise((done) => setImmediate(done));
    }
  }

  /** @returns the rows of this page that are kept */
  #page(untilMs: number): number {
    const found = this.#store.range('status', this.#from, undefined, PAGE_ROWS);
    const keys = found.filter((_, i) => i % 2 === 0);
    const checkouts = this.#store.getMany('checkouts', keys);
    const batch = this.#store.batch();
    for (let i = 0; i < keys.length; i++) {
      if (checkouts[i] === undefined && isFinalBefore(found[2 * i + 1], untilMs))
        batch.delete('status', keys[i]!);
    }
    const late = batch.size;
    if (late > 0) batch.write();
    this.deleted += late;
    this.#from = keys.length < PAGE_ROWS ? FIRST : behind(keys.at(-1)!);
    return keys.length - late;
  }
}
