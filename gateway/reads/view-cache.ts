/**
 * What was rendered lately, by payment. Its owner forgets what changes, and asks only while
 * nothing can have changed unnoticed. Bounded: two generations of entries, and none lives longer
 * than both, so that rows which retention removed do not stay either.
 */
const ENTRIES_MAX = 4_096;
const GENERATION_MS = 10_000;

export interface Rendered {
  /** merchant/checkoutId */
  readonly name: string;
  readonly version: number;
  readonly etag: string;
  readonly isTerminal: boolean;
  readonly body: string;
}

export class ViewCache {
  #young = new Map<number, Rendered>();
  #old = new Map<number, Rendered>();
  #turnedAt = Date.now();

  /** @param hash the broadcast's hash of the name; of two names that share it one is kept */
  get(hash: number, name: string): Rendered | undefined {
    this.#turn(false);
    const rendered = this.#young.get(hash) ?? this.#old.get(hash);
    return rendered?.name === name ? rendered : undefined;
  }

  set(hash: number, rendered: Rendered): void {
    this.#turn(this.#young.size >= ENTRIES_MAX);
    this.#young.set(hash, rendered);
  }

  forget(hash: number): void {
    this.#young.delete(hash);
    this.#old.delete(hash);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #turn(isFull: boolean): void {
    const age = Date.now() - this.#turnedAt;
    if (!isFull && age < GENERATION_MS) return;
    this.#old = age < 2 * GENERATION_MS ? this.#young : new Map();
    this.#young = new Map();
    this.#turnedAt += age;
  }
}
