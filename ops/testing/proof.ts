/**
 * A proof: one promise of the README, shown on the real system. It prints its figures and a
 * verdict. The short form is the same proof with smaller numbers, run by the tests.
 */
export interface Proof {
  readonly name: string;
  /** What is shown, in one sentence. */
  readonly shows: string;
  readonly run: (stage: Stage) => Promise<void>;
}

export class BrokenPromise extends Error {}

export class Stage {
  readonly isShort: boolean;
  /** Repeats a proof that makes random input; undefined: the proof chooses one. */
  readonly seed: string | undefined;
  readonly #print: (line: string) => void;

  constructor(isShort: boolean, print: (line: string) => void, seed?: string) {
    this.isShort = isShort;
    this.seed = seed;
    this.#print = print;
  }

  /** The number of the short or of the whole form. */
  size(short: number, whole: number): number {
    return this.isShort ? short : whole;
  }

  figure(name: string, value: string | number): void {
    this.#print(`  ${name.padEnd(44)} ${value}`);
  }

  /** Ends the proof with a verdict against it unless `holds`. */
  must(holds: boolean, what: string): asserts holds {
    if (!holds) throw new BrokenPromise(what);
  }
}
