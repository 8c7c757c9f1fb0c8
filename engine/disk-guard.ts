/** Takes no checkouts while the volume has too little free space: full is a normal answer. */
import { statfs } from 'node:fs/promises';

const CHECK_MS = 1_000;
const MIB = 1 << 20;

export class DiskGuard {
  readonly #timer: NodeJS.Timeout;
  freeMb = Number.POSITIVE_INFINITY;

  /** @param onFull called with whether there is too little, after each look */
  constructor(dir: string, freeMinMb: number, onFull: (isFull: boolean) => void) {
    const look = async (): Promise<void> => {
      const { bavail, bsize } = await statfs(dir);
      this.freeMb = (bavail * bsize) / MIB;
      onFull(this.freeMb < freeMinMb);
    };
    this.#timer = setInterval(() => {
      look().catch(() => onFull(true));
    }, CHECK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
