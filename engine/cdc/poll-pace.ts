/** How often a producer is asked for reports: often while some are due, rarely while none are. */
import type { Producer } from 'node-rdkafka';

const BUSY_MS = 5;
const IDLE_MS = 500;

export class PollPace {
  readonly #producer: Producer;
  #everyMs = 0;

  constructor(producer: Producer) {
    this.#producer = producer;
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
    this.#producer.setPollInterval(everyMs);
  }
}
