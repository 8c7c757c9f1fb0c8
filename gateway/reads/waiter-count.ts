/**
 * Counts waiting long polls, in total and per merchant. Both are bounded, so one merchant cannot
 * take all places.
 */
export interface WaiterLimits {
  readonly waitersMax: number;
  readonly merchantWaitersMax: number;
}

export class WaiterCount {
  readonly #limits: WaiterLimits;
  /** Merchants that wait; one that no longer does is removed. */
  readonly #byMerchant = new Map<string, number>();
  #total = 0;

  constructor(limits: WaiterLimits) {
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#total >= this.#limits.waitersMax;
  }

  isFullFor(merchant: string): boolean {
    return this.#of(merchant) >= this.#limits.merchantWaitersMax;
  }

  add(merchant: string): void {
    this.#total++;
    this.#byMerchant.set(merchant, this.#of(merchant) + 1);
  }

  remove(merchant: string): void {
    this.#total--;
    const left = this.#of(merchant) - 1;
    if (left === 0) this.#byMerchant.delete(merchant);
    else this.#byMerchant.set(merchant, left);
  }

  #of(merchant: string): number {
    return this.#byMerchant.get(merchant) ?? 0;
  }
}
