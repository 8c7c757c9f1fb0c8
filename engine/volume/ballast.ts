/**
 * The ballast: a file that reserves disk space. RocksDB cannot open on a full volume; deleting the
 * ballast leaves room to open, to read, and to publish what was accepted.
 */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../util/log.js';
import { writeAllSync } from '../util/write-all.js';

const BALLAST_MB = 32;
const MIB = 1 << 20;

/** Before the store is opened. */
export function dropBallastIfFull(dataDir: string, logger: Logger): void {
  const file = join(dataDir, 'ballast');
  if (!existsSync(file) || freeMb(dataDir) >= BALLAST_MB) return;
  rmSync(file);
  logger.error({ file }, 'the volume is full: the ballast was dropped; make room on it');
}

/** Once the store is open, and there is room to spare. */
export function layBallast(dataDir: string, freeMinMb: number): void {
  const file = join(dataDir, 'ballast');
  if (existsSync(file) || freeMb(dataDir) < freeMinMb + 2 * BALLAST_MB) return;
  const fd = openSync(file, 'w', 0o600);
  try {
    // Real blocks, not a hole.
    for (let i = 0; i < BALLAST_MB; i++) writeAllSync(fd, Buffer.alloc(MIB, i + 1));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function freeMb(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return (bavail * bsize) / MIB;
}
