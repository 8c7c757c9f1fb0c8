/**
 * Runs the work of one key in order and of different keys at once. An optimisation:
 * what is right is decided by the database, this only saves it the conflicts.
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
