/**
 * Counts how often a record failed while other records succeeded. A failure that hits all records
 * counts once, however often it is retried, so an outage produces no dead letters. Bounded: an
 * evicted count starts again at 0.
 */

/** So many failures make a dead letter. */
export const FAILURES_MAX = 3;
const RECORDS_MAX = 10_000;

interface Failure {
  readonly count: number;
  /** How many others had succeeded by then. */
  readonly successes: number;
}

export class FailureCount {
  readonly #failures = new Map<string, Failure>();
  #successes = 0;

  succeeded(id: string): void {
    this.#successes++;
    this.#failures.delete(id);
  }

  forget(id: string): void {
    this.#failures.delete(id);
  }

  /** @returns how often it has failed, others having succeeded in between */
  failed(id: string): number {
    const before = this.#failures.get(id);
    const isAlone = before === undefined || before.successes < this.#successes;
    const count = (before?.count ?? 0) + (isAlone ? 1 : 0);
    this.#failures.delete(id);
    this.#failures.set(id, { count, successes: this.#successes });
    if (this.#failures.size > RECORDS_MAX)
      this.#failures.delete(this.#failures.keys().next().value!);
    return count;
  }
}
