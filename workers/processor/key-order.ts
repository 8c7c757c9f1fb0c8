/**
 * Runs the work of one key in order and of different keys at once. An optimisation:
 * what is right is decided by the database, this only saves it the conflicts.
 */
export class KeyOrder {
  readonly #last = new Map<string, Promise<void>>();

  /** `work` must not throw. */
  run(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#last.get(key);
    const mine = before ? before.then(work) : work();
    this.#last.set(key, mine);
    return mine.finally(() => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    });
  }
}
