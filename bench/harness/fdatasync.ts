/** Measures how long this disk takes for a durable write: the lower bound of every accept. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK = Buffer.alloc(4_096, 1);

/** @returns p50 and p99 in milliseconds of appending 4 KiB and fdatasync */
export function fdatasyncMs(folder: string, times: number): { p50: number; p99: number } {
  const fd = openSync(join(folder, 'fdatasync.tmp'), 'w');
  const samples: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    writeSync(fd, BLOCK);
    fdatasyncSync(fd);
    samples.push(performance.now() - start);
  }
  closeSync(fd);
  samples.sort((a, b) => a - b);
  return { p50: samples[times >> 1]!, p99: samples[Math.floor(times * 0.99)]! };
}
