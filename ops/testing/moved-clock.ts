/** The environment of a process whose clock starts at another time (libfaketime). */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../engine/util/paths.js';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

/**
 * @param time UTC, `YYYY-MM-DD hh:mm:ss`
 * @param dir where the helper for librdkafka is compiled to
 */
export function movedClock(time: string, dir: string): Record<string, string> {
  if (!existsSync(LIBRARY)) throw new Error('libfaketime is not installed: run `make setup`');
  const helper = join(dir, 'moved-clock.so');
  if (!existsSync(helper))
    execFileSync('cc', [
      '-shared',
      '-fPIC',
      '-o',
      helper,
      packageFile('ops/testing/moved-clock.c'),
    ]);
  return {
    LD_PRELOAD: `${helper} ${LIBRARY}`,
    FAKETIME: `@${time}`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    TZ: 'UTC',
  };
}
