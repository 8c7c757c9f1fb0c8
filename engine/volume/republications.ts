/**
 * Records that are published outside the order of the log, and the callers that wait for their
 * delivery. They never move the checkpoint. Callers bound the number by waiting before they send
 * more.
 */
import { EngineError } from '../util/errors.js';

export interface RecordAside {
  readonly topic: string;
  /** null: the partitioner's. */
  readonly partition: number | null;
  readonly key: Buffer | string | null;
  readonly value: Buffer;
}

export interface Repeat {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Repeats {
  readonly #open = new Set<Repeat>();

  get count(): number {
    return this.#open.size;
  }

  /** @param send is given what the delivery report must bring back */
  add(send: (repeat: Repeat) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const repeat = { resolve, reject };
      this.#open.add(repeat);
      send(repeat);
    });
  }

  settle(repeat: Repeat, error: { readonly message: string } | null): void {
    if (!this.#open.delete(repeat)) return;
    if (error) repeat.reject(notDelivered(error.message));
    else repeat.resolve();
  }

  rejectAll(reason: string): void {
    for (const repeat of this.#open) repeat.reject(notDelivered(reason));
    this.#open.clear();
  }
}

function notDelivered(reason: string): EngineError {
  return new EngineError('not_delivered', reason, { canRetry: true });
}
