/**
 * A cache of rendered views, by payment. Its owner removes entries that change, and reads it only
 * while no change can be unnoticed. Bounded: two generations of entries. No entry outlives both,
 * so rows that retention deleted disappear as well.
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
