/** One log line when repeated work begins to fail and one when it succeeds again, none between. */
import type { Logger } from './log.js';

export class FailureLog {
  readonly #logger: Logger;
  readonly #work: string;
  readonly #level: 'info' | 'warn';
  #isFailing = false;

  /**
   * @param work what is repeated, e.g. `saving the mark`
   * @param level `info` where the health of the dependency warns already
   */
  constructor(logger: Logger, work: string, level: 'info' | 'warn' = 'warn') {
    this.#logger = logger;
    this.#work = work;
    this.#level = level;
  }

  failed(error: Error): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#logger[this.#level]({ reason: error.message }, `${this.#work} fails; it is tried again`);
  }

  succeeded(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#logger[this.#level](`${this.#work} succeeds again`);
  }
}
