/**
 * A bounded broadcast of 32-bit hashes from one writer to any number of readers, each at
 * its own pace. A reader that fell more than the capacity behind is told so and has to
 * look at everything it watches. It serves long polls: which payments have changed?
 *
 *     0        4          128
 *     +--------+----------+--------+--------+-----
 *     | cursor | changing | hash 0 | hash 1 | …     one writer
 *     +--------+----------+--------+--------+-----
 *
 * `changing` is up from before a change can be seen until its hashes are published. So a reader
 * that finds it down and no news knows that nothing anybody has seen is newer than what it keeps.
 */
import { advance, distance, Sequence } from './sequence.js';

const CAPACITY = 4096;
const CHANGING_OFFSET = 4;
const HASHES_OFFSET = 128;

export class BroadcastWriter {
  readonly #cursor: Sequence;
  readonly #changing: Sequence;
  readonly #hashes: Int32Array;
  #next: number;

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(HASHES_OFFSET + CAPACITY * 4);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#cursor = new Sequence(memory, 0);
    this.#changing = new Sequence(memory, CHANGING_OFFSET);
    this.#hashes = new Int32Array(memory, HASHES_OFFSET);
    this.#next = this.#cursor.load();
  }

  /** Call before the change can be seen; `end` publishes what was added meanwhile. */
  begin(): void {
    this.#changing.store(1);
  }

  end(): void {
    this.publish();
    this.#changing.store(0);
  }

  /** Stores one hash; readers see it after the next `publish`. */
  add(hash: number): void {
    // Atomic, since a reader that is being lapped may read this very word.
    Atomics.store(this.#hashes, this.#next & (CAPACITY - 1), hash);
    this.#next = advance(this.#next, 1);
    // A reader must be able to notice that it was lapped, so never lap within one publish.
    if (distance(this.#next, this.#cursor.load()) >= CAPACITY >> 1) this.publish();
  }

  publish(): void {
    this.#cursor.store(this.#next);
  }
}

export class BroadcastReader {
  readonly #cursor: Sequence;
  readonly #changing: Sequence;
  readonly #hashes: Int32Array;
  #seen: number;

  constructor(memory: SharedArrayBuffer) {
    this.#cursor = new Sequence(memory, 0);
    this.#changing = new Sequence(memory, CHANGING_OFFSET);
    this.#hashes = new Int32Array(memory, HASHES_OFFSET);
    this.#seen = this.#cursor.load();
  }

  /** Look at this first, then at `hasNews`: in the other order a change may slip between. */
  isChanging(): boolean {
    return this.#changing.load() !== 0;
  }

  hasNews(): boolean {
    return this.#cursor.load() !== this.#seen;
  }

  /** Calls `onHash` for all that is new. @returns false when some were missed: look at everything */
  read(onHash: (hash: number) => void): boolean {
    const upTo = this.#cursor.load();
    const from = this.#seen;
    this.#seen = upTo;
    if (distance(upTo, from) > CAPACITY >> 1) return false;
    for (let sequence = from; sequence !== upTo; sequence = advance(sequence, 1)) {
      onHash(Atomics.load(this.#hashes, sequence & (CAPACITY - 1)));
    }
    // The writer may have gone on meanwhile; beyond half a turn the words read are not to be trusted.
    return distance(this.#cursor.load(), from) <= CAPACITY >> 1;
  }
}
