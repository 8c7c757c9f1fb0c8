/**
 * One partition's offsets in work. What may be committed is the low-water mark: the offset
 * behind which everything is finished, never the latest finished one.
 */
export class Offsets {
  /** Open offsets, ascending, as they were taken in. */
  readonly #open = new Set<number>();
  /** The lowest that was taken in. */
  #first = Number.POSITIVE_INFINITY;
  #next = -1;
  #committed = -1;

  /** @returns false for an offset that was taken in before (a rebalance brings repeats). */
  begin(offset: number): boolean {
    if (offset < this.#first) this.#beginAt(offset);
    else if (offset < this.#next) return false;
    this.#open.add(offset);
    this.#next = offset + 1;
    return true;
  }

  /** What was taken in before this one was left over from an earlier assignment: it comes again. */
  #beginAt(offset: number): void {
    this.#open.clear();
    this.#first = offset;
    this.#committed = -1;
  }

  finish(offset: number): void {
    this.#open.delete(offset);
  }

  get open(): number {
    return this.#open.size;
  }

  /** The offset to commit (the first that is not finished), or undefined when nothing is new. */
  take(): number | undefined {
    const [first] = this.#open;
    const lowWater = first ?? this.#next;
    if (lowWater <= this.#committed || lowWater < 0) return undefined;
    this.#committed = lowWater;
    return lowWater;
  }
}
