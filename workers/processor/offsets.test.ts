import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Offsets } from './offsets.js';

describe('offsets in work', () => {
  it('should commit only what is finished together with all before it, in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), (finished) => {
        const offsets = new Offsets();
        for (let n = 0; n < 10; n++) assert.equal(offsets.begin(n), true);
        const done = new Set<number>();
        let committed = 0;
        for (const offset of finished) {
          offsets.finish(offset);
          done.add(offset);
          committed = offsets.take() ?? committed;
          for (let n = 0; n < committed; n++) assert.ok(done.has(n), `${n} is still open`);
        }
        let lowest = 0;
        while (done.has(lowest)) lowest++;
        assert.equal(committed, lowest);
      }),
    );
  });

  it('should refuse an offset that was taken in before, and commit nothing twice', () => {
    const offsets = new Offsets();
    assert.equal(offsets.begin(5), true);
    assert.equal(offsets.begin(5), false);
    offsets.finish(5);
    assert.equal(offsets.take(), 6);
    assert.equal(offsets.take(), undefined);
  });

  it('should begin anew below what an earlier assignment left over', () => {
    const offsets = new Offsets();
    assert.equal(offsets.begin(150), true);
    offsets.finish(150);
    assert.equal(offsets.take(), 151);
    assert.equal(offsets.begin(100), true);
    assert.equal(offsets.take(), 100);
    assert.equal(offsets.begin(100), false);
    assert.equal(offsets.begin(150), true);
    offsets.finish(100);
    assert.equal(offsets.take(), 150);
  });
});
