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

export class PollPace {
  readonly #producer: Producer;
  #everyMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(producer: Producer) {
    this.#producer = producer;
    producer.once('disconnected', () => clearInterval(this.#timer));
    this.busy();
  }

  busy(): void {
    this.#set(BUSY_MS);
  }

  idle(): void {
    this.#set(IDLE_MS);
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
  }
}
