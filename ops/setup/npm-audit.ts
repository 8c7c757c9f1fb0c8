/** Runs `npm audit` for the checks of the packages. One try, so that a missing network costs seconds. */
import { spawnSync } from 'node:child_process';
import { packageRoot } from '../../engine/util/paths.js';

const AUDIT_MS_MAX = 120_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** @returns its JSON, '' where it gave none in time */
export function npmAudit(...command: readonly string[]): string {
  const options = ['--json', '--fetch-retries=0', '--fetch-timeout=10000'];
  const npm = spawnSync('npm', ['audit', ...command, ...options], {
    cwd: packageRoot,
    encoding: 'utf8',
    timeout: AUDIT_MS_MAX,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return npm.stdout ?? '';
}
