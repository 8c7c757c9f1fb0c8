import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AssignedOffsets, Offsets } from './offsets.js';

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

describe('offsets of what is assigned', () => {
  const of = (partition: number) => ({ topic: 'payments.accepted', partition });

  it('should commit nothing for a record that an earlier assignment left over', () => {
    const assigned = new AssignedOffsets();
    assigned.assign([of(0), of(1)]);
    assert.equal(assigned.of(of(0))?.begin(150), true);
    assigned.assign([]);
    assert.equal(assigned.of(of(0)), undefined);
    assert.deepEqual(assigned.take(), []);
    assigned.assign([of(0)]);
    assert.equal(assigned.of(of(1)), undefined);
    assert.deepEqual(assigned.take(), []);
    assert.equal(assigned.of(of(0))?.begin(100), true);
    assigned.of(of(0))?.finish(100);
    assert.deepEqual(assigned.take(), [{ ...of(0), offset: 101 }]);
  });

  it('should know a record that was taken in under an earlier assignment by its offsets', () => {
    const assigned = new AssignedOffsets();
    assigned.assign([of(0)]);
    const before = assigned.of(of(0));
    assigned.assign([of(0)]);
    assert.notEqual(assigned.of(of(0)), before);
  });
});
