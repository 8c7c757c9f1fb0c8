/**
 * The piscina threads. A thread that dies is replaced and its tasks are retried. A thread that
 * dies during its start cannot be replaced; then the process ends, and a restart helps.
 */
import { Piscina } from 'piscina';
import type { ProcessorConfig } from '../../engine/config/config.js';
import type { Logger } from '../../engine/util/log.js';
import { LATE_CAPTURES_MAX } from '../polling/late-capture-watch.js';
import { ASKS_IN_WORK_MAX } from '../polling/outcome-poller.js';
import { WEBHOOK_RETRIES_MAX } from '../polling/webhook-retries.js';
import type { Failed, GiveUp, Task, TaskResult, WorkerSettings } from '../tasks.js';

export interface WorkerPoolParts {
  readonly config: Pick<ProcessorConfig, 'workerThreads' | 'inFlightMax'> & WorkerSettings;
  readonly logger: Logger;
  /** Fewer threads are left than there must be. */
  readonly onFatal: (reason: string) => void;
  /** Default: the processor's own. */
  readonly worker?: URL;
}

export class WorkerPool {
  readonly #pool: Piscina<Task | GiveUp, TaskResult | Failed>;
  readonly #parts: WorkerPoolParts;
  #isClosing = false;
  deaths = 0;

  constructor(parts: WorkerPoolParts) {
    this.#parts = parts;
    const { workerThreads, inFlightMax } = parts.config;
    const settings: WorkerSettings = parts.config;
    this.#pool = new Piscina({
      filename: (parts.worker ?? new URL('../worker.js', import.meta.url)).href,
      workerData: { ...settings },
      minThreads: workerThreads,
      maxThreads: workerThreads,
      concurrentTasksPerWorker: inFlightMax,
      maxQueue: inFlightMax + ASKS_IN_WORK_MAX + WEBHOOK_RETRIES_MAX + LATE_CAPTURES_MAX,
      idleTimeout: Number.POSITIVE_INFINITY,
    });
    this.#pool.on('error', (error: Error) =>
      parts.logger.error({ reason: error.message, stack: error.stack }, 'an idle thread died'),
    );
    this.#pool.on('workerDestroy', () => setImmediate(() => this.#afterDeath()));
  }

  /** Rejects only when the thread died or the pool is full or closed. */
  run(task: Task | GiveUp): Promise<TaskResult | Failed> {
    return this.#pool.run(task);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#pool.destroy();
  }

  #afterDeath(): void {
    if (this.#isClosing) return;
    this.deaths++;
    const left = this.#pool.threads.length;
    this.#parts.logger.error({ threads: left }, 'a worker thread died: its tasks are tried again');
    if (left < this.#parts.config.workerThreads)
      this.#parts.onFatal('a worker thread died while it started');
  }
}
