/**
 * Runs tasks of one key in order and tasks of different keys concurrently. This is an
 * optimisation: the database decides correctness; order per key avoids conflicts.
 */
export class KeyOrder {
  readonly #last = new Map<string, Promise<unknown>>();

  /** `work` must not throw. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before ? before.then(work) : work();
    this.#last.set(key, mine);
    return mine.finally(() => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    });
  }
}
