import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Held } from './delay-queue.js';

describe('records that are held', () => {
  it('should let each go when it is due, whatever came before it', async () => {
    const held = new Held(() => {});
    const order: string[] = [];
    held.add('p', { waitMs: 120, id: 'late' }, () => order.push('late'));
    held.add('p', { waitMs: 20, id: 'soon' }, () => order.push('soon'));
    assert.equal(held.count, 2);
    await sleep(200);
    assert.deepEqual(order, ['soon', 'late']);
    assert.equal(held.count, 0);
  });

  it('should hold what means the same once', async () => {
    const held = new Held(() => {});
    let times = 0;
    const hold = { waitMs: 20, id: 'a/1' };
    assert.equal(
      held.add('p', hold, () => times++),
      'held',
    );
    assert.equal(
      held.add('p', hold, () => times++),
      'known',
    );
    assert.equal(
      held.add('q', hold, () => times++),
      'held',
    );
    await sleep(60);
    assert.equal(times, 2);
  });

  it('should say when a partition is full, and when it has room again', async () => {
    const room: string[] = [];
    const held = new Held((partition) => room.push(partition));
    const added = Array.from({ length: 300 }, (_, i) =>
      held.add('p', { waitMs: 50, id: `${i}` }, () => {}),
    );
    assert.equal(added.filter((name) => name === 'filled').length, 1);
    assert.equal(added[255], 'filled');
    assert.ok(held.isFull('p'));
    assert.deepEqual(room, []);
    await sleep(150);
    assert.deepEqual(room, ['p']);
    assert.ok(!held.isFull('p'));
  });

  it('should forget everything when the partitions go', async () => {
    const held = new Held(() => {});
    held.add('p', { waitMs: 20, id: 'x' }, () => assert.fail('it has gone'));
    held.clear();
    assert.equal(held.count, 0);
    await sleep(60);
  });
});
