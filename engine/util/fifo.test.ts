import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fifo } from './fifo.js';

describe('fifo', () => {
  it('should give what an array gives', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer(), { nil: null })), (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        for (const step of steps) {
          if (step === null) assert.equal(fifo.shift(), model.shift());
          else {
            fifo.push(step);
            model.push(step);
          }
          assert.equal(fifo.length, model.length);
        }
      }),
    );
  });

  it('should be empty once it is cleared', () => {
    const fifo = new Fifo<number>();
    fifo.push(1);
    fifo.clear();
    assert.deepEqual([fifo.length, fifo.shift()], [0, undefined]);
  });
});
