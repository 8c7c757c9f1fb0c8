/**
 * Limits log lines that a caller can trigger at will: the first one of a burst is logged at once,
 * then one line per second gives the count.
 */
const LINE_MS = 1_000;

export class Bursts {
  readonly #bursts = new Map<string, { unsaid: number; saidAt: number }>();
  readonly #now: () => number;

  constructor(now = (): number => performance.now()) {
    this.#now = now;
  }

  /**
   * @param name one of a closed list
   * @returns how many there were since the last line, this one included; 0: say nothing now
   */
  add(name: string): number {
    const burst = this.#bursts.get(name) ?? { unsaid: 0, saidAt: Number.NEGATIVE_INFINITY };
    this.#bursts.set(name, burst);
    burst.unsaid++;
    const now = this.#now();
    if (now - burst.saidAt < LINE_MS) return 0;
    const { unsaid } = burst;
    burst.unsaid = 0;
    burst.saidAt = now;
    return unsaid;
  }
}
