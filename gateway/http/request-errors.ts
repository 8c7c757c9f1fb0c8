/**
 * Counts requests whose handling threw, and reports them to the main thread, which logs them.
 * Every error is counted; at most REPORTS_MAX per second are reported, so that a repeated request
 * does not fill the log. A report holds no text of the request except its id. The error's text may
 * quote the request, so it is masked.
 */
import { maskCardData } from '../../engine/card-data/card-mask.js';
import type { GatewayMessage } from '../../engine/gateway-contract.js';
import { PROBLEMS, type Problem } from './problem.js';
import type { Reply } from './reply.js';

const REPORTS_MAX = 10;
const SUBJECT_CHARS_MAX = 320;

export interface RequestErrorCounts {
  add(name: 'internal_errors' | 'damaged_records', by: number): void;
}

export class RequestErrors {
  readonly #counts: RequestErrorCounts;
  readonly #say: (message: GatewayMessage) => void;
  #second = 0;
  #reported = 0;

  constructor(counts: RequestErrorCounts, say: (message: GatewayMessage) => void) {
    this.#counts = counts;
    this.#say = say;
  }

  report(reply: Reply, problem: Problem, error: Error): void {
    const isDamage = problem === PROBLEMS.recordDamaged;
    this.#counts.add(isDamage ? 'damaged_records' : 'internal_errors', 1);
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) this.#reported = 0;
    this.#second = second;
    if (++this.#reported > REPORTS_MAX) return;
    this.#say({
      type: 'error',
      subject: maskCardData(reply.subject.slice(0, SUBJECT_CHARS_MAX)),
      code: problem.code,
      stack: maskCardData(String(error?.stack ?? error)),
    });
  }
}
