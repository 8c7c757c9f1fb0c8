/**
 * Accepting, from POST to the durable 202, saturated by wrk, with publishing paused; next to
 * a bare uWebSockets.js on the same cores, in turns.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageFile } from '../engine/core/paths.js';
import { freePorts, startEngineProcess } from '../ops/e2e/engine-process.js';
import { type BenchRow, report } from './result.js';

const CONNECTIONS = 256;
const TARGET = 0.4;

/** @returns whether the target is reached */
export async function benchAccept(rounds: number, seconds: number): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  const [port] = await freePorts(1);
  const bare = spawn(process.execPath, [packageFile('dist/bench/bare-uws.js'), `${port}`]);
  const engine = await startEngineProcess({ TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off' });
  const ours: number[] = [];
  const rival: number[] = [];
  try {
    for (let round = -1; round < rounds; round++) {
      const a = await wrk(engine.api, seconds, `a${round}`);
      const b = await wrk(`http://127.0.0.1:${port}`, seconds, `b${round}`);
      if (round < 0) continue; // the first round warms up
      ours.push(a);
      rival.push(b);
    }
    const refused = await engine.metric('gateway_busy_total');
    const accepted = await engine.metric('gateway_accepted_total');
    console.log(`accepted ${accepted}, answered 503 ${refused}`);
  } finally {
    await engine.stop();
    await ended(bare);
    rmSync(dir, { recursive: true });
  }
  const name = `accept, ${CONNECTIONS} connections`;
  const row: BenchRow = {
    name,
    unit: 'requests/s',
    ours,
    rival,
    rivalName: 'bare uWebSockets.js',
    target: TARGET,
  };
  return report('accept', [row]);
}

/** @returns answers of 2xx a second */
async function wrk(url: string, seconds: number, prefix: string): Promise<number> {
  const args = ['-t', '1', '-c', `${CONNECTIONS}`, '-d', `${seconds}s`];
  const script = ['-s', packageFile('bench/checkout.lua'), url, '--', prefix];
  const { stdout } = await promisify(execFile)('wrk', [...args, ...script]);
  const total = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const other = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  return (total - other) / seconds;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
