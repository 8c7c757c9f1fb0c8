/**
 * Random choices that a seed repeats. Each case has a generator of its own, made of the run's
 * seed and the case's number, so that a case does not depend on the order in which others ran.
 * The generator is mulberry32: 32 bits of state, good enough to choose test inputs.
 */
export class Random {
  #state: number;

  constructor(seed: number, stream: number) {
    this.#state = mix(mix(seed >>> 0) ^ mix(stream + 0x9e37_79b9));
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(10_000) < percent * 100;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Calls one of the functions, each as often as its weight says. */
  oneOf<T>(choices: readonly (readonly [weight: number, make: () => T])[]): T {
    let rest = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, make] of choices) {
      if (rest < weight) return make();
      rest -= weight;
    }
    throw new Error('the weights are positive');
  }

  shuffled<T>(list: readonly T[]): T[] {
    const keyed = list.map((item) => ({ item, key: this.next() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }

  times<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make);
  }
}

/** The finaliser of MurmurHash3: neighbouring numbers become unlike. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
