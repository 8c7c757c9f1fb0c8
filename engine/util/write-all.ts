/** Writes complete values with blocking system calls. */
import { writeSync } from 'node:fs';

/**
 * Writes every byte or throws. `writeSync` may write only a part and return without an error,
 * as it does when the disk fills up within one call.
 */
export function writeAllSync(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    const count = writeSync(fd, bytes, written);
    if (count === 0) throw new Error(`only ${written} of ${bytes.length} bytes were written`);
    written += count;
  }
}
