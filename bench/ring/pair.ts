/** Two threads that do the two roles of a job at the same time. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Job } from './thread.js';

export interface Done {
  readonly result: number;
  readonly ms: number;
}

export class Pair {
  readonly #threads = [0, 1].map(() => new Worker(new URL('./thread.js', import.meta.url)));

  /** @returns what each role found, and how long it took */
  async run(first: Job, second: Job): Promise<[Done, Done]> {
    const answers = this.#threads.map((thread) => once(thread, 'message'));
    for (const [i, job] of [first, second].entries()) this.#threads[i]!.postMessage(job);
    const [[a], [b]] = (await Promise.all(answers)) as [[Done], [Done]];
    return [a, b];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}
