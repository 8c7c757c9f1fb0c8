import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { examine } from './doctor-checks.js';

const well = async (): Promise<undefined> => undefined;

describe('a part that is examined', () => {
  it('should be named with its pid and its log, well or not', async () => {
    const part = { name: 'kafka', pid: process.pid, log: '/logs/kafka.log' };
    const what = `kafka (pid ${process.pid}, log /logs/kafka.log)`;
    assert.deepEqual(await examine({ ...part, check: well }), { what, problem: undefined });
    const bad = async (): Promise<string> => 'has no topic';
    assert.deepEqual(await examine({ ...part, check: bad }), { what, problem: 'has no topic' });
    assert.deepEqual(await examine({ name: 'disk', check: well }), {
      what: 'disk',
      problem: undefined,
    });
  });

  it('should be found stopped, also where something else answers for it', async () => {
    const child = spawn('sleep', ['60']);
    child.kill('SIGSTOP');
    await new Promise((done) => setTimeout(done, 50));
    const { problem } = await examine({ name: 'edge', pid: child.pid, check: well });
    assert.match(problem ?? '', new RegExp(`process ${child.pid} is stopped: kill -CONT`));
    child.kill('SIGKILL');
  });

  it('should be given up after 4 s', async () => {
    const since = Date.now();
    const keptAlive = setTimeout(() => {}, 10_000);
    const { problem } = await examine({ name: 'kafka', check: () => new Promise(() => {}) });
    clearTimeout(keptAlive);
    assert.equal(problem, 'no answer within 4 s');
    assert.ok(Date.now() - since < 5_000);
  });
});
