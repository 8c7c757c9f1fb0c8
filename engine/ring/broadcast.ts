/**
 * A bounded broadcast of 32-bit hashes from one writer to any number of readers, each at
 * its own pace. A reader that fell more than the capacity behind is told so and has to
 * look at everything it watches. It serves long polls: which payments have changed?
 *
 *     0        128
 *     +--------+--------+--------+-----
 *     | cursor | hash 0 | hash 1 | …     one writer
 *     +--------+--------+--------+-----
 */
import { advance, distance, Sequence } from './sequence.js';

const CAPACITY = 4096;
const HASHES_OFFSET = 128;

export class BroadcastWriter {
  readonly #cursor: Sequence;
  readonly #hashes: Int32Array;
  #next: number;

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(HASHES_OFFSET + CAPACITY * 4);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#cursor = new Sequence(memory, 0);
    this.#hashes = new Int32Array(memory, HASHES_OFFSET);
    this.#next = this.#cursor.load();
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
  readonly #hashes: Int32Array;
  #seen: number;

  constructor(memory: SharedArrayBuffer) {
    this.#cursor = new Sequence(memory, 0);
    this.#hashes = new Int32Array(memory, HASHES_OFFSET);
    this.#seen = this.#cursor.load();
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
