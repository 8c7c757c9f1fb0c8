/** Runs the load client as a process of its own, so that its work is not the server's. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childEnvironment } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { type LoadReport, reportOf, type Sent } from './report.js';

/** For warming up, polls that go on, and answers that are given up. */
const SLACK_MS = 120_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export interface LoadArguments {
  readonly url: string;
  readonly rate: number;
  readonly duration: number;
  readonly 'warm-up'?: number;
  readonly connections?: number;
  readonly prefix?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly get?: string;
  readonly path?: string;
  readonly expect?: number;
  readonly poll?: true;
}

/** @returns the requests' report, and the reads' where they are polled */
export async function load(given: LoadArguments): Promise<LoadReport[]> {
  const { key = '', ...options } = given;
  const flags = Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, `${value}`],
  );
  const cli = packageFile('ops/cli/tollgate.mjs');
  const child = promisify(execFile)(process.execPath, [cli, 'load', '--json', ...flags], {
    env: childEnvironment({ TOLLGATE_KEY: key }),
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: given.duration * 3_000 + SLACK_MS,
  }).catch((error: Error & { stdout?: string }) => {
    // Exit code 1 says that some answers were not the expected ones; they are in the report.
    if (error.stdout) return { stdout: error.stdout };
    throw error;
  });
  const { stdout } = await child;
  return (JSON.parse(stdout) as Sent[]).map(reportOf);
}
