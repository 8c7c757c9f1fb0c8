/** Lanes that are full: 503 with Retry-After, flat memory, and normal again afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { post, VISA } from '../../testing/checkout-client.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import { residentMb } from '../../testing/memory.js';
import type { Proof, Stage } from '../../testing/proof.js';

const CONNECTIONS = 500;
const GROWTH_MB_MAX = 150;

export const fullRing: Proof = {
  name: 'full-ring',
  shows:
    'smallest lanes, 500 connections, each fdatasync 200 ms late: 503 with Retry-After, flat memory, normal again',
  async run(stage: Stage) {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-ring-'));
    const settings = { TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off', TOLLGATE_LANE_SLOTS: '256' };
    const engine = await startEngineProcess(settings);
    try {
      await flood(engine.api, 2_000, 'warm');
      const memory = [residentMb(engine.child.pid!)];
      const tracer = await slowDisk(engine.child.pid!);
      const seen = await flood(
        engine.api,
        stage.size(5_000, 20_000),
        'slow',
        memory,
        engine.child.pid!,
      );
      tracer.kill('SIGINT');
      await once(tracer, 'exit');
      stage.figure(
        'answers',
        [...seen.statuses].map(([status, n]) => `${status}: ${n}`).join(', '),
      );
      stage.figure('503 without Retry-After', seen.bare);
      stage.figure('resident memory', memory.map((value) => `${value.toFixed(0)} MB`).join(' '));
      judge(stage, seen, memory);
      const after = await flood(engine.api, 2_000, 'after');
      const again = await post(engine.api, 'calm');
      stage.figure(
        'afterwards',
        `${after.statuses.get(202)} of 2000 accepted, then ${again.status}`,
      );
      stage.must(again.status === 202, 'it did not become normal');
    } finally {
      await engine.stop();
      rmSync(dir, { recursive: true });
    }
  },
};

interface Seen {
  readonly statuses: Map<number, number>;
  bare: number;
}

function judge(stage: Stage, seen: Seen, memory: readonly number[]): void {
  stage.must((seen.statuses.get(503) ?? 0) > 0, 'the ring was never full');
  stage.must((seen.statuses.get(202) ?? 0) > 0, 'nothing was accepted meanwhile');
  stage.must(
    [...seen.statuses.keys()].every((key) => key === 202 || key === 503),
    'another answer',
  );
  stage.must(seen.bare === 0, 'a 503 came without Retry-After');
  const growth = Math.max(...memory) - memory[0]!;
  stage.must(growth < GROWTH_MB_MAX, `memory grew by ${growth.toFixed(0)} MB`);
}

/** Every connection posts without a pause. */
async function flood(
  api: string,
  count: number,
  prefix: string,
  memory: number[] = [],
  pid = 0,
): Promise<Seen> {
  const pool = new Pool(api, { connections: CONNECTIONS });
  const seen: Seen = { statuses: new Map(), bare: 0 };
  const queue = Array.from({ length: count }, (_, i) => `${prefix}-${i}`).values();
  const sampler = setInterval(() => pid && memory.push(residentMb(pid)), 1_000);
  const client = async (): Promise<void> => {
    for (const id of queue) {
      const answer = await pool.request({
        method: 'POST',
        path: '/payments',
        headers: { 'x-payment-checkout-id': id, 'content-type': 'application/json' },
        body: JSON.stringify(VISA),
      });
      await answer.body.dump();
      seen.statuses.set(answer.statusCode, (seen.statuses.get(answer.statusCode) ?? 0) + 1);
      if (answer.statusCode === 503 && !answer.headers['retry-after']) seen.bare++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  clearInterval(sampler);
  await pool.destroy();
  return seen;
}

/** strace delays every fdatasync of the process. */
async function slowDisk(pid: number): Promise<ChildProcess> {
  const inject = 'inject=fdatasync:delay_exit=200000';
  const args = [
    '-f',
    '-qq',
    '-e',
    'trace=fdatasync',
    '-e',
    inject,
    '-o',
    '/dev/null',
    '-p',
    `${pid}`,
  ];
  const tracer = spawn('strace', args, { stdio: 'ignore' });
  await once(tracer, 'spawn');
  await sleep(1_000);
  if (tracer.exitCode !== null) throw new Error('strace cannot attach: is ptrace allowed here?');
  return tracer;
}
