/** Stops accepting checkouts while the volume has too little free space. */
import { statfs } from 'node:fs/promises';
import type { Logger } from '../util/log.js';

const CHECK_MS = 1_000;
const MIB = 1 << 20;

export class DiskGuard {
  readonly #dir: string;
  readonly #freeMinMb: number;
  readonly #logger: Logger;
  readonly #onLook: (isFull: boolean) => void;
  #wasFull = false;
  #timer: NodeJS.Timeout | undefined;
  freeMb = Number.POSITIVE_INFINITY;

  /** @param onLook called with whether there is too little, after each look */
  constructor(dir: string, freeMinMb: number, logger: Logger, onLook: (isFull: boolean) => void) {
    this.#dir = dir;
    this.#freeMinMb = freeMinMb;
    this.#logger = logger;
    this.#onLook = onLook;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#look(), CHECK_MS);
    await this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #found(isFull: boolean): void {
    this.#onLook(isFull);
    if (isFull === this.#wasFull) return;
    this.#wasFull = isFull;
    const at = { dir: this.#dir, free_mb: Math.floor(this.freeMb), free_min_mb: this.#freeMinMb };
    if (isFull) this.#logger.warn(at, 'the volume is full: checkouts get 503 until there is room');
    else this.#logger.warn(at, 'the volume has room again: checkouts are accepted');
  }

  async #look(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.#dir);
      this.freeMb = (bavail * bsize) / MIB;
      this.#found(this.freeMb < this.#freeMinMb);
    } catch {
      // A volume that cannot be asked is not one to write to.
      this.#found(true);
    }
  }
}
