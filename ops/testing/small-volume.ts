/** A volume of a few megabytes that a proof can fill: tmpfs, which needs root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK = Buffer.alloc(1 << 16, 1);

export class SmallVolume {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** @returns undefined where mounting is not allowed */
  static mount(dir: string, megabytes: number): SmallVolume | undefined {
    mkdirSync(dir, { recursive: true });
    const options = `size=${megabytes}m,mode=755`;
    const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]);
    return done.status === 0 ? new SmallVolume(dir) : undefined;
  }

  /** Takes all the room that is left. */
  fill(): void {
    const fd = openSync(join(this.dir, 'filler'), 'a');
    try {
      for (;;) writeSync(fd, BLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(fd);
    }
  }

  free(): void {
    rmSync(join(this.dir, 'filler'), { force: true });
  }

  /** Also while a process that ends has files open. */
  unmount(): void {
    execFileSync('umount', ['-l', this.dir]);
  }
}
