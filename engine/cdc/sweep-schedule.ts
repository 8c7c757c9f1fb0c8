/**
 * Decides when a payment without a status is published again: not while the processors' lag
 * explains the missing status, then some time after they have passed it, then after twice as long
 * each time.
 *
 * Keeps: a row is swept only if the processors passed it at least `afterMs` ago and are still
 * making progress; a row is republished at most once per waiting time.
 */
import { type GroupProgress, isFinished } from '../kafka/group-progress.js';

const WAIT_MS_MAX = 86_400_000;
/** Rows that were swept and still have no status; one more is left for a later pass. */
const ROWS_MAX = 100_000;

interface Swept {
  readonly count: number;
  readonly notBefore: number;
}

export class SweepSchedule {
  readonly #afterMs: number;
  /** Kafka had all that was accepted before `at` when the topic ended at `ends`. */
  #waiting: { readonly at: number; readonly ends: GroupProgress['ends'] } | undefined;
  /** The processors have finished all that was accepted before `at`. */
  #finished: { readonly at: number; readonly since: number } | undefined;
  #swept = new Map<string, Swept>();
  #stillOpen = new Map<string, Swept>();

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /**
   * @param now milliseconds of a clock that never steps
   * @param publishedUpTo Kafka has all that was accepted before; Unix milliseconds
   * @param statusesAreRead every status that was published is applied here
   * @returns sweep what was accepted before; undefined: not now
   */
  next(
    now: number,
    publishedUpTo: number,
    progress: GroupProgress,
    statusesAreRead: boolean,
  ): number | undefined {
    // Ends only grow, unless the topic was made anew.
    if (this.#waiting && hasShrunk(this.#waiting.ends, progress.ends)) this.#waiting = undefined;
    this.#waiting ??= { at: publishedUpTo, ends: progress.ends };
    if (!isFinished(this.#waiting.ends, progress)) return undefined;
    const { at } = this.#waiting;
    this.#waiting = undefined;
    this.#finished ??= { at, since: now };
    const { at: due, since } = this.#finished;
    if (now - since < this.#afterMs || !statusesAreRead) return undefined;
    this.#finished = { at, since: now };
    return due;
  }

  /** Whether a row without a status is published again now. Counts it when it is. */
  take(key: string, now: number): boolean {
    const before = this.#swept.get(key);
    const isDue = before === undefined || now >= before.notBefore;
    const hasRoom = this.#stillOpen.size < ROWS_MAX;
    if (before !== undefined && !isDue) this.#stillOpen.set(key, before);
    if (!isDue || !hasRoom) return false;
    const count = (before?.count ?? 0) + 1;
    const waitMs = Math.min(this.#afterMs * 2 ** count, WAIT_MS_MAX);
    this.#stillOpen.set(key, { count, notBefore: now + waitMs });
    return true;
  }

  /** After a whole pass: what was not asked for has a status, and is forgotten. */
  passed(): void {
    this.#swept = this.#stillOpen;
    this.#stillOpen = new Map();
  }
}

function hasShrunk(before: GroupProgress['ends'], now: GroupProgress['ends']): boolean {
  return [...before].some(([partition, end]) => (now.get(partition) ?? 0) < end);
}
