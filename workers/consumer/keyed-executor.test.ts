import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyOrder } from './keyed-executor.js';

it('should run one key in order, and let no other key wait for it', async () => {
  const order = new KeyOrder();
  const seen: string[] = [];
  const work = (name: string, ms: number) => async () => {
    await sleep(ms);
    seen.push(name);
  };
  await Promise.all([
    order.run('a', work('a1', 60)),
    order.run('a', work('a2', 0)),
    order.run('b', work('b1', 5)),
  ]);
  assert.deepEqual(seen, ['b1', 'a1', 'a2']);
});
