/**
 * The error boundary around one record: runs its task in a worker, delivers the resulting records,
 * and retries what failed. No record can end the process or delay another key.
 *
 * An unforeseen exception counts against the record. After the third one, if other records
 * succeeded in between, the record becomes a dead letter. An unavailable dependency (Kafka, a dead
 * worker thread) only makes the record wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../engine/util/log.js';
import { type Dead, deadLetterOf } from '../dead-letters/dead-letter-record.js';
import type { OutgoingRecord } from '../outbox/kafka-producer.js';
import { INTERNAL_ERROR } from '../payment/executor.js';
import type { DeadPayment, Failed, GiveUp, Task, TaskResult } from '../tasks.js';
import { FAILURES_MAX, FailureCount } from './failure-count.js';
import { KeyOrder } from './keyed-executor.js';
import { namesOf } from './task-names.js';
import type { Work } from './work.js';

const WAIT_MS_MIN = 200;
const WAIT_MS_MAX = 30_000;
const WAIT_GROWTH = 4;
/** Outcomes are words of ours, but for events' names, which providers choose. */
const OUTCOMES_MAX = 200;

export interface TaskRunnerParts {
  readonly run: (task: Task | GiveUp) => Promise<TaskResult | Failed>;
  readonly send: (records: readonly OutgoingRecord[]) => Promise<void>;
  /** Marks a payment whose letter is delivered. */
  readonly bury: (payment: DeadPayment, dead: Dead) => Promise<unknown>;
  /** Something was written to Postgres. */
  readonly onDone: () => void;
  readonly logger: Logger;
}

export class TaskRunner {
  readonly #parts: TaskRunnerParts;
  readonly #order = new KeyOrder();
  readonly #failures = new FailureCount();
  /** `conflict` from the start: an alert counts its first occurrence too. */
  readonly #outcomes = new Map<string, number>([['conflict', 0]]);
  readonly #stop = new AbortController();
  #failed = 0;
  #interrupted = 0;
  #waiting = 0;
  #deadLetters = 0;

  constructor(parts: TaskRunnerParts) {
    this.#parts = parts;
  }

  /** Never rejects. @returns undefined when it is not finished: it must come again */
  run(work: Work): Promise<TaskResult | undefined> {
    return this.#order.run(work.key, () => this.#untilDone(work));
  }

  /** What waits to be tried again comes again after a restart. */
  stop(): void {
    this.#stop.abort();
  }

  figures(): Record<string, number> {
    const outcomes = [...this.#outcomes].map(([name, outcome]) => [
      `processor_${name}_total`,
      outcome,
    ]);
    return {
      ...Object.fromEntries(outcomes),
      processor_dead_letters_total: this.#deadLetters,
      processor_record_failures_total: this.#failed,
      processor_interrupted_total: this.#interrupted,
      processor_waiting: this.#waiting,
    };
  }

  async #untilDone(work: Work): Promise<TaskResult | undefined> {
    const { signal } = this.#stop;
    for (let waitMs = WAIT_MS_MIN; ; waitMs = Math.min(waitMs * WAIT_GROWTH, WAIT_MS_MAX)) {
      const result = await this.#try(work);
      if (result !== undefined || work.isOurs === undefined) return result;
      this.#waiting++;
      await sleep(waitMs, undefined, { signal }).catch(() => {});
      this.#waiting--;
      if (signal.aborted || !work.isOurs()) return undefined;
    }
  }

  /** Rejections come from threads and Kafka, never from the record: it waits. */
  async #try(work: Work): Promise<TaskResult | undefined> {
    try {
      return await this.#attempt(work);
    } catch (error) {
      if (this.#stop.signal.aborted) return undefined;
      this.#interrupted++;
      const reason = (error as Error).message;
      this.#parts.logger.warn({ ...namesOf(work), reason }, 'interrupted: it is tried again');
      return undefined;
    }
  }

  async #attempt(work: Work): Promise<TaskResult | undefined> {
    let result = await this.#parts.run(work.task);
    if (result.kind === 'failed') {
      if (this.#countFailure(work, result) < FAILURES_MAX) return undefined;
      result = await this.#giveUp(work.task, result);
    }
    this.#count(result.kind === 'done' ? result.outcome : `${result.kind}_${result.reason}`);
    this.#parts.onDone();
    await this.#deliver(work, result);
    if (result.kind === 'done') this.#failures.succeeded(work.id);
    else this.#failures.forget(work.id);
    return result;
  }

  #countFailure(work: Work, { detail, stack }: Failed): number {
    const failures = this.#failures.failed(work.id);
    this.#failed++;
    const names = { ...namesOf(work), failures, detail, stack };
    this.#parts.logger.error(names, 'an exception: the record is tried again, then dead-lettered');
    return failures;
  }

  async #giveUp(task: Task, { detail }: Failed): Promise<TaskResult> {
    const result = await this.#parts.run({ kind: 'give_up', task, detail });
    if (result.kind !== 'failed') return result;
    const unmarked = { value: null, payment: null };
    return { kind: 'dead', reason: INTERNAL_ERROR, detail, attempts: FAILURES_MAX, ...unmarked };
  }

  async #deliver(work: Work, result: TaskResult): Promise<void> {
    if (result.kind === 'retry') {
      const { topic, key, value } = result;
      const bytes = { key: Buffer.from(key), value: Buffer.from(value) };
      await this.#parts.send([{ topic, partition: null, ...bytes }]);
    }
    if (result.kind === 'dead') await this.#deadLetter(work, result);
  }

  /** The letter first: a row that is marked dead has one. */
  async #deadLetter(work: Work, dead: Dead): Promise<void> {
    const { logger, send, bury } = this.#parts;
    const { reason, detail, payment } = dead;
    logger.error({ ...namesOf(work), reason, detail }, 'dead letter');
    await send([deadLetterOf(work.key, dead, work.record)]);
    this.#deadLetters++;
    if (!payment) return;
    // Postgres away: the row comes up again by itself, and dies again.
    await bury(payment, dead).catch((error: Error) =>
      logger.warn({ ...namesOf(work), reason: error.message }, 'a dead payment is not marked yet'),
    );
  }

  #count(outcome: string): void {
    const name = outcome.replace(/\W/g, '_');
    const isKnown = this.#outcomes.has(name) || this.#outcomes.size < OUTCOMES_MAX;
    const counted = isKnown ? name : 'other_outcomes';
    this.#outcomes.set(counted, (this.#outcomes.get(counted) ?? 0) + 1);
  }
}
