/** Measures how long the volume takes to make 4 KiB durable. No 202 can be faster than that. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAllSync } from '../../engine/util/write-all.js';

const WRITES = 200;
const MEASURE_MS_MAX = 1_000;
const BLOCK = Buffer.alloc(4_096, 7);

export interface FsyncTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Blocks for at most MEASURE_MS_MAX and one write. */
export function measureFdatasync(dir: string): FsyncTimes {
  const folder = mkdtempSync(join(dir, 'fsync-probe-'));
  const fd = openSync(join(folder, 'probe'), 'w', 0o600);
  try {
    const times: number[] = [];
    const begun = performance.now();
    while (times.length < WRITES && performance.now() - begun < MEASURE_MS_MAX) {
      const since = performance.now();
      writeAllSync(fd, BLOCK);
      fdatasyncSync(fd);
      times.push(performance.now() - since);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number => times[Math.floor(times.length * share)]!;
    return { p50Ms: at(0.5), p99Ms: at(0.99) };
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}
