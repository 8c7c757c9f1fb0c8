/**
 * How often a producer is polled for delivery reports: often while some are due, rarely while
 * none are.
 *
 * Keeps: one timer and one listener per producer, however often the pace changes. (node-rdkafka's
 * `setPollInterval` adds a listener at each call and removes none.)
 */
import type { Producer } from 'node-rdkafka';

const BUSY_MS = 5;
const IDLE_MS = 500;
/** After so many polls with nothing due the pace becomes the slow one. */
const QUIET_POLLS = 100;

export class PollPace {
  readonly #producer: Producer;
  readonly #hasDue: () => boolean;
  #quietPolls = 0;
  #everyMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param hasDue whether delivery reports are due */
  constructor(producer: Producer, hasDue: () => boolean) {
    this.#producer = producer;
    this.#hasDue = hasDue;
    producer.once('disconnected', () => clearInterval(this.#timer));
    this.busy();
  }

  /** A record was produced. */
  busy(): void {
    this.#quietPolls = 0;
    this.#set(BUSY_MS);
  }

  #set(everyMs: number): void {
    if (this.#everyMs === everyMs) return;
    this.#everyMs = everyMs;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#poll(), everyMs).unref();
  }

  #poll(): void {
    try {
      this.#producer.poll();
    } catch {
      // Not connected at the moment; its reports come once it is.
    }
    this.#quietPolls = this.#hasDue() ? 0 : this.#quietPolls + 1;
    if (this.#quietPolls === QUIET_POLLS) this.#set(IDLE_MS);
  }
}
