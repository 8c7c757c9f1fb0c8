import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { processorConfig } from '../../engine/config/config.js';
import { createLogger } from '../../engine/util/log.js';
import type { GiveUp, Task } from '../tasks.js';
import { WorkerPool } from './worker-pool.js';

const WORKER = new URL('./crashing-worker.js', import.meta.url);
const TASK: Task = { kind: 'ticket', value: new Uint8Array() };
const task = (detail: string): GiveUp => ({ kind: 'give_up', task: TASK, detail });

function open(worker: URL, threads = 1) {
  const fatal: string[] = [];
  const config = { ...processorConfig({}), workerThreads: threads };
  const logger = createLogger('test', 'silent');
  const pool = new WorkerPool({ config, logger, worker, onFatal: (text) => void fatal.push(text) });
  return { pool, fatal };
}

describe('the threads of a processor', { timeout: 60_000 }, () => {
  for (const way of ['exit', 'throw', 'reject']) {
    it(`should replace a thread that dies (${way}), and fail only what it was doing`, async () => {
      const { pool, fatal } = open(WORKER);
      try {
        const good = { kind: 'done', outcome: 'good' };
        assert.deepEqual(await pool.run(task('good')), good);
        await assert.rejects(pool.run(task(way)));
        assert.deepEqual(await pool.run(task('good')), good);
        assert.deepEqual(fatal, []);
        assert.ok(pool.deaths >= 1);
      } finally {
        await pool.close();
      }
      assert.deepEqual(fatal, []);
    });
  }

  it('should end the process when a thread dies while it starts', async () => {
    const { pool, fatal } = open(new URL('./no-such-worker.js', import.meta.url));
    for (let i = 0; i < 100 && fatal.length === 0; i++) await sleep(50);
    await pool.close();
    assert.ok(fatal.length > 0);
  });
});
