/** `tollgate doctor`: checks every component of the local system and says what to do. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { stackConfig } from '../../engine/config/config.js';
import { examine, type Finding, partsOf } from './doctor-checks.js';
import { measureFdatasync } from './fsync-probe.js';
import { endpointsOf } from './running.js';

const FSYNC_P50_MS_MAX = 5;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'ask each part of the local system or cluster, at most 5 s; exit code 1 when one is not well',
    )
    .action(async () => {
      const stack = stackConfig();
      const endpoints = endpointsOf(stack);
      const parts = partsOf(stack, endpoints);
      const findings = [nodeVersion(), ...(await Promise.all(parts.map(examine)))];
      // Last, since it blocks.
      findings.push(fsync(endpoints.dataDir));
      for (const { what, problem } of findings)
        console.log(problem === undefined ? `ok   ${what}` : `BAD  ${what}: ${problem}`);
      // A request without an answer would hold the process.
      process.exit(findings.some(({ problem }) => problem !== undefined) ? 1 : 0);
    });
}

function nodeVersion(): Finding {
  const isRight = process.version.startsWith('v20.');
  return {
    what: 'Node',
    problem: isRight ? undefined : `${process.version}: tollgate runs on Node 20`,
  };
}

/** The figure is the finding; only a disk that spoils every answer is a problem. */
function fsync(dir: string): Finding {
  try {
    const { p50Ms, p99Ms } = measureFdatasync(existsSync(dir) ? dir : '.');
    return {
      what: `fdatasync of 4 KiB: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
      problem: p50Ms > FSYNC_P50_MS_MAX ? 'every 202 waits for it: use a faster volume' : undefined,
    };
  } catch (error) {
    return { what: 'fdatasync of 4 KiB', problem: (error as Error).message };
  }
}
