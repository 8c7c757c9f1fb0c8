/**
 * Payments whose status cannot be published although others can. Each one is skipped for a
 * doubling time, so that it delays no other payment, and is never given up. Bounded: an entry
 * without room is retried at once.
 */
const PARK_MS_MIN = 1_000;
const PARK_MS_MAX = 300_000;
const PARKED_MAX = 1_000;

interface Place {
  readonly until: number;
  readonly waitMs: number;
}

export class Parked {
  readonly #places = new Map<string, Place>();

  /** Those that must be left out now. */
  keys(now: number): string[] {
    return [...this.#places].filter(([, place]) => place.until > now).map(([key]) => key);
  }

  get count(): number {
    return this.#places.size;
  }

  park(key: string, now: number): void {
    const known = this.#places.get(key);
    if (!known && this.#places.size >= PARKED_MAX) return;
    const waitMs = Math.min((known?.waitMs ?? PARK_MS_MIN / 2) * 2, PARK_MS_MAX);
    this.#places.set(key, { until: now + waitMs, waitMs });
  }

  /** It was published. */
  free(key: string): void {
    this.#places.delete(key);
  }
}
