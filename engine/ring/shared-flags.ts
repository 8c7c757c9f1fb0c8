/** Small words shared by all threads of the engine, each with one writer. */

/** A switch that one thread sets and all may read. */
export class SharedFlag {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  get isSet(): boolean {
    return Atomics.load(this.#words, 0) === 1;
  }

  set(value: boolean): void {
    Atomics.store(this.#words, 0, value ? 1 : 0);
  }
}

/** A 64-bit count that one thread raises and all may read, e.g. the durable sequence. */
export class SharedCount {
  readonly memory: SharedArrayBuffer;
  readonly #words: BigInt64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8), offset = 0) {
    this.memory = memory;
    this.#words = new BigInt64Array(memory, offset, 1);
  }

  load(): number {
    return Number(Atomics.load(this.#words, 0));
  }

  store(value: number): void {
    Atomics.store(this.#words, 0, BigInt(value));
  }
}
