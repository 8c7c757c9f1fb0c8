import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Bursts } from './bursts.js';

describe('bursts', () => {
  it('should say the first at once, then once a second how many there were', () => {
    let now = 0;
    const bursts = new Bursts(() => now);
    assert.deepEqual([bursts.add('a'), bursts.add('a'), bursts.add('b')], [1, 0, 1]);
    now = 1_000;
    assert.deepEqual([bursts.add('a'), bursts.add('a'), bursts.add('b')], [2, 0, 1]);
  });

  it('should say at most one line a second, and lose none but those after the last line', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200 }), (gaps) => {
        let now = 0;
        let last = 0;
        const bursts = new Bursts(() => now);
        const said: number[] = [];
        let unsaid = 0;
        for (const gap of gaps) {
          now += gap;
          unsaid++;
          const count = bursts.add('x');
          if (count === 0) continue;
          assert.equal(count, unsaid);
          assert.ok(said.length === 0 || now - last >= 1_000);
          [last, unsaid] = [now, 0];
          said.push(count);
        }
      }),
    );
  });
});
