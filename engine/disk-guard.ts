/** Takes no checkouts while the volume has too little free space: full is a normal answer. */
import { statfs } from 'node:fs/promises';

const CHECK_MS = 1_000;
const MIB = 1 << 20;

export class DiskGuard {
  readonly #dir: string;
  readonly #freeMinMb: number;
  readonly #onLook: (isFull: boolean) => void;
  #timer: NodeJS.Timeout | undefined;
  freeMb = Number.POSITIVE_INFINITY;

  /** @param onLook called with whether there is too little, after each look */
  constructor(dir: string, freeMinMb: number, onLook: (isFull: boolean) => void) {
    this.#dir = dir;
    this.#freeMinMb = freeMinMb;
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

  async #look(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.#dir);
      this.freeMb = (bavail * bsize) / MIB;
      this.#onLook(this.freeMb < this.#freeMinMb);
    } catch {
      // A volume that cannot be asked is not one to write to.
      this.#onLook(true);
    }
  }
}
