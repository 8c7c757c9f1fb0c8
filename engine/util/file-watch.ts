/**
 * Detects replaced files by polling, because the file watchers of operating systems report a
 * rename over a file differently. Never keeps the process alive.
 */
import { statSync } from 'node:fs';

export class FileWatch {
  readonly #paths: readonly string[];
  readonly #timer: NodeJS.Timeout;
  #stamp: string;

  /** @param onChange after each change of any of the files, again when it threw; `paths` may be empty */
  constructor(paths: readonly string[], lookMs: number, onChange: () => void) {
    this.#paths = paths;
    this.#stamp = this.#look();
    this.#timer = setInterval(() => this.#compare(onChange), lookMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #compare(onChange: () => void): void {
    try {
      const stamp = this.#look();
      if (stamp === this.#stamp) return;
      onChange();
      this.#stamp = stamp;
    } catch {
      // A file that cannot be read just now, as without file descriptors: the stamp stays, so
      // the next look tries again.
    }
  }

  /** Another one for every replacement, also within one millisecond. */
  #look(): string {
    const stamps = this.#paths.map((path) => {
      const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
      return stats ? `${stats.ino}/${stats.mtimeNs}/${stats.ctimeNs}/${stats.size}` : 'absent';
    });
    return stamps.join(' ');
  }
}
