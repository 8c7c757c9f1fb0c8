/** How long the volume takes to make 4 KiB durable: no 202 can be faster than that. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const WRITES = 200;
const BLOCK = Buffer.alloc(4_096, 7);

export interface FsyncTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Takes WRITES times as long as one write; blocks meanwhile. */
export function measureFdatasync(dir: string): FsyncTimes {
  const folder = mkdtempSync(join(dir, 'fsync-probe-'));
  const fd = openSync(join(folder, 'probe'), 'w', 0o600);
  try {
    const times = Array.from({ length: WRITES }, () => {
      const since = performance.now();
      writeSync(fd, BLOCK);
      fdatasyncSync(fd);
      return performance.now() - since;
    }).sort((a, b) => a - b);
    return { p50Ms: times[WRITES * 0.5]!, p99Ms: times[WRITES * 0.99]! };
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}
