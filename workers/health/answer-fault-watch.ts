/**
 * Logs and counts exceptions in the handling of providers' answers, reported by the worker
 * threads.
 */
import { BroadcastChannel } from 'node:worker_threads';
import type { Logger } from '../../engine/util/log.js';
import { ANSWER_FAULT_CHANNEL, type AnswerFault } from '../tasks.js';

export class AnswerFaultWatch {
  readonly #channel = new BroadcastChannel(ANSWER_FAULT_CHANNEL);
  #faults = 0;

  constructor(logger: Logger) {
    this.#channel.onmessage = (message) => {
      const fault = (message as { data: AnswerFault }).data;
      this.#faults++;
      logger.error(fault, 'an exception in an answer of a provider: the outcome counts as unknown');
    };
    this.#channel.unref();
  }

  figures(): Record<string, number> {
    return { processor_answer_faults_total: this.#faults };
  }

  close(): void {
    this.#channel.close();
  }
}
