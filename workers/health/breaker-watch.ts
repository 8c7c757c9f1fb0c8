/**
 * Metrics of the worker threads' circuit breakers: how many are open, and how often they changed.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { BREAKER_CHANNEL, type BreakerChange } from '../tasks.js';

export class BreakerWatch {
  readonly #channel = new BroadcastChannel(BREAKER_CHANNEL);
  readonly #opened = new Map<string, number>();
  readonly #closed = new Map<string, number>();

  constructor() {
    this.#channel.onmessage = (message) => {
      const { provider, isOpen } = (message as { data: BreakerChange }).data;
      const counts = isOpen ? this.#opened : this.#closed;
      counts.set(provider, (counts.get(provider) ?? 0) + 1);
    };
    this.#channel.unref();
  }

  figures(): Record<string, number> {
    const figures: Record<string, number> = {};
    for (const [provider, opened] of this.#opened) {
      const closed = this.#closed.get(provider) ?? 0;
      figures[`breaker_opened_${provider}_total`] = opened;
      figures[`breaker_closed_${provider}_total`] = closed;
      figures[`breaker_open_${provider}`] = opened - closed;
    }
    return figures;
  }

  close(): void {
    this.#channel.close();
  }
}
