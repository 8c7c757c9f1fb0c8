import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SweepSchedule } from './sweep-schedule.js';

const AFTER_MS = 1_000;
const progress = (end: number, committed: number) => ({
  ends: new Map([[0, end]]),
  committed: new Map(committed < 0 ? [] : [[0, committed]]),
});

describe('when a payment without a status is swept', () => {
  it('should be never while the processors have not finished it', () => {
    const schedule = new SweepSchedule(AFTER_MS);
    for (let now = 0; now < 20 * AFTER_MS; now += 500)
      assert.equal(schedule.next(now, 100, progress(10 + now, 9), true), undefined);
    assert.equal(new SweepSchedule(AFTER_MS).next(1e9, 100, progress(10, -1), true), undefined);
  });

  it('should be after they have finished it, count from then, and go on with newer ones', () => {
    const schedule = new SweepSchedule(AFTER_MS);
    assert.equal(schedule.next(0, 100, progress(10, 5), true), undefined);
    assert.equal(schedule.next(50_000, 200, progress(20, 15), true), undefined, 'just finished');
    assert.equal(schedule.next(50_900, 250, progress(25, 15), true), undefined, 'too soon');
    assert.equal(schedule.next(51_100, 300, progress(30, 24), true), undefined, 'they stand still');
    assert.equal(schedule.next(51_200, 300, progress(30, 25), false), undefined, 'statuses lag');
    assert.equal(schedule.next(51_300, 300, progress(30, 29), true), undefined);
    assert.equal(schedule.next(51_400, 300, progress(31, 30), true), 100);
    assert.equal(schedule.next(51_500, 400, progress(31, 31), true), undefined, 'those are newer');
    assert.equal(schedule.next(52_500, 400, progress(31, 31), true), 300);
  });

  it('should not wait for ends that a topic had before it was made anew', () => {
    const schedule = new SweepSchedule(AFTER_MS);
    assert.equal(schedule.next(0, 100, progress(5_000, 4_000), true), undefined);
    assert.equal(schedule.next(1_000, 200, progress(20, 20), true), undefined, 'just finished');
    assert.equal(schedule.next(2_000, 300, progress(20, 20), true), 200);
  });

  it('should double the wait of each row, and forget a row that got a status', () => {
    const schedule = new SweepSchedule(AFTER_MS);
    const times: number[] = [];
    for (let now = 0; now <= 20 * AFTER_MS; now += 500) {
      if (schedule.take('default/a', now)) times.push(now);
      schedule.passed();
    }
    assert.deepEqual(times, [0, 2_000, 6_000, 14_000]);
    schedule.passed();
    assert.ok(schedule.take('default/a', 20_500), 'nothing of it is remembered');
  });
});
