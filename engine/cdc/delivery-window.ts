/**
 * Records that were handed to Kafka and are not yet confirmed. Confirmations arrive in any order;
 * the low-water mark is the position of the oldest open record. Bounded.
 */
import type { WalPosition } from '../wal/wal-position.js';

export class DeliveryWindow {
  readonly #max: number;
  readonly #positions: (WalPosition | undefined)[];
  #head = 0;
  #tail = 0;

  constructor(max: number) {
    this.#max = max;
    this.#positions = new Array(max);
  }

  get open(): number {
    return this.#tail - this.#head;
  }

  get isFull(): boolean {
    return this.open >= this.#max;
  }

  /** @returns the ticket that `confirm` takes */
  add(position: WalPosition): number {
    this.#positions[this.#tail % this.#max] = position;
    return this.#tail++;
  }

  confirm(ticket: number): void {
    this.#positions[ticket % this.#max] = undefined;
    while (this.#head < this.#tail && this.#positions[this.#head % this.#max] === undefined)
      this.#head++;
  }

  /** The position of the oldest open delivery, or `position` when none is open. */
  lowWater(position: WalPosition): WalPosition {
    return this.#head === this.#tail ? position : this.#positions[this.#head % this.#max]!;
  }
}
