/** Named 64-bit counters in shared memory: one thread writes, all threads read. */
import { SharedCount } from './shared-flags.js';

const WORD_BYTES = 8;

export class Counters<Name extends string> {
  readonly memory: SharedArrayBuffer;
  readonly #names: readonly Name[];
  readonly #counts: ReadonlyMap<Name, SharedCount>;

  constructor(names: readonly Name[], memory = new SharedArrayBuffer(names.length * WORD_BYTES)) {
    this.memory = memory;
    this.#names = names;
    this.#counts = new Map(names.map((name, i) => [name, new SharedCount(memory, i * WORD_BYTES)]));
  }

  add(name: Name, by: number): void {
    const count = this.#counts.get(name)!;
    count.store(count.load() + by);
  }

  read(): Record<Name, number> {
    const entries = this.#names.map((name) => [name, this.#counts.get(name)!.load()]);
    return Object.fromEntries(entries) as Record<Name, number>;
  }
}
