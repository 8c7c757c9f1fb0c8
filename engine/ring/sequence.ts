/**
 * A sequence: a 32-bit word in shared memory that only grows, with one writer. It wraps;
 * two sequences are compared by their difference, never by their size.
 */
export class Sequence {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#words = new Int32Array(memory, offset, 1);
  }

  /** Sees everything that was written before the store of the value it returns. */
  load(): number {
    return Atomics.load(this.#words, 0);
  }

  /** Makes everything written before visible to whoever loads the value. */
  store(value: number): void {
    Atomics.store(this.#words, 0, value);
  }
}

/** How far `a` is ahead of `b`; negative when behind. Right as long as they lie within 2³¹. */
export function distance(a: number, b: number): number {
  return (a - b) | 0;
}

/** The sequence `count` after `sequence`. */
export function advance(sequence: number, count: number): number {
  return (sequence + count) | 0;
}
