import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planOf } from '../cli/plan.js';
import { capacityOf, readAssumptions } from './capacity.js';
import type { Measured } from './measured.js';
import { simulate } from './simulation.js';

const measured: Measured = {
  machine: 'a test, 2 cores',
  acceptPerSecond: 20_000,
  gatewayPerSecond: 50_000,
  batchFixedMs: 0.4,
  batchEachMs: 0.005,
  fdatasync: { p50: 0.15, p99: 0.35 },
  processedPerSecond: 3_000,
  insertsPerSecond: 30_000,
  storeBytesPerPayment: 250,
  oneShard: [{ name: 'accept at 5000/s', rate: 5_000, p50: 0.6, p99: 1.5 }],
  twoShards: [],
};

describe('the plan', () => {
  it('should count each part by its own measured rate, and never fewer than two', () => {
    const count = (rate: number, name: string): number =>
      capacityOf(rate, measured, readAssumptions()).find((part) => part.name === name)!.count;
    assert.equal(count(10, 'shard'), 2);
    assert.equal(count(1_000_000, 'shard'), Math.ceil(1_000_000 / (20_000 * 0.6)));
    assert.equal(count(1_000_000, 'processor'), Math.ceil(1_000_000 / (3_000 * 0.6)));
    const partitions = count(1_000_000, 'partitions');
    assert.ok(partitions >= 2 * count(1_000_000, 'processor'));
    assert.equal(Math.log2(partitions) % 1, 0);
  });

  it('should simulate a queue that grows where a shard gets more than it carries', () => {
    assert.equal(simulate(measured, 100_000, 1).isOverloaded, true);
    const few = simulate(measured, 40_000, 2);
    const many = simulate(measured, 40_000, 20);
    assert.equal(many.isOverloaded, false);
    assert.ok(many.p99 < few.p99, `${many.p99} < ${few.p99}`);
    // Alone in its batch, a request takes the sync and the fixed part of a batch.
    assert.ok(many.p50 > measured.fdatasync.p50 && many.p50 < 3, `${many.p50}`);
  });

  it('should say what it was made from', () => {
    const text = planOf(100_000, measured).join('\n');
    assert.match(text, /a test, 2 cores/);
    assert.match(text, /1,000 shards/);
    assert.match(text, /measured p50 0\.60 p99 1\.50, simulated/);
  });
});
