/**
 * Keeps one process running: one that dies is started again at once, one that keeps dying
 * after a wait that doubles. Stopped once, it stays stopped.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OnSpawned, Running } from './child.js';

const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 5_000;
/** A process that was ready for this long works: its next death is a new one, not the same again. */
const STEADY_MS = 2_000;

export interface ComponentSpec {
  readonly name: string;
  /** Calls `onSpawned` at once, resolves once the process is alive; rejects with what to do. */
  readonly start: (onSpawned: OnSpawned) => Promise<Running>;
  /**
   * Waited for at the first start only: a restart that is alive stays, ready or not.
   * @returns undefined when the process is ready, else why it is not
   */
  readonly readiness?: (process: Running) => Promise<string | undefined>;
  readonly stopSignal: NodeJS.Signals;
  readonly stopMsMax: number;
}

export interface ComponentEvents {
  /** Before the process serves. */
  onSpawned(name: string, pid: number): void;
  /** After each start. */
  onStarted(name: string, pid: number): void;
  onDeath(name: string, restartAfterMs: number): void;
  onFailedStart(name: string, reason: string): void;
}

export class Component {
  readonly #spec: ComponentSpec;
  readonly #events: ComponentEvents;
  readonly #stop = new AbortController();
  #process: Running | undefined;
  #starting: Promise<Running> | undefined;
  #watching: Promise<void> | undefined;

  constructor(spec: ComponentSpec, events: ComponentEvents) {
    this.#spec = spec;
    this.#events = events;
  }

  get name(): string {
    return this.#spec.name;
  }

  /**
   * The first start; when it fails nothing is tried again.
   * @returns undefined when the process is ready, else why it is not
   */
  async start(): Promise<string | undefined> {
    await this.#startOnce();
    this.#watching = this.#watch();
    return await this.#spec.readiness?.(this.#process!);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#starting?.catch(() => {});
    await this.#process?.stop(this.#spec.stopSignal, this.#spec.stopMsMax);
    await this.#watching;
  }

  async #startOnce(): Promise<void> {
    this.#starting = this.#spec.start((pid) => this.#events.onSpawned(this.name, pid));
    this.#process = await this.#starting;
    this.#events.onStarted(this.name, this.#process.pid);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    let backoffMs = 0;
    while (!signal.aborted) {
      const since = Date.now();
      await this.#process?.exited;
      if (signal.aborted) return;
      if (Date.now() - since > STEADY_MS) backoffMs = 0;
      this.#events.onDeath(this.name, backoffMs);
      await sleep(backoffMs, undefined, { signal }).catch(() => {});
      backoffMs = Math.min(Math.max(BACKOFF_MS_MIN, backoffMs * 2), BACKOFF_MS_MAX);
      if (signal.aborted) return;
      await this.#startOnce().catch((error: Error) =>
        this.#events.onFailedStart(this.name, error.message),
      );
    }
  }
}
