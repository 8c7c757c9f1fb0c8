import assert from 'node:assert/strict';
import { it } from 'node:test';
import { statusStart } from './status-position.js';

it('should go on where it was in the same topic, also after a release without ids', () => {
  for (const topic of ['a', undefined])
    assert.deepEqual(statusStart({ topic, offset: 7 }, 'a', 7), { offset: 7, reborn: undefined });
});

it('should begin again in a topic that was made anew, however long it is by now', () => {
  const start = statusStart({ topic: 'a', offset: 7 }, 'b', 100);
  assert.equal(start.offset, 0);
  assert.match(`${start.reborn}`, /made anew/);
});

it('should begin again where the tail was lost', () => {
  const start = statusStart({ topic: undefined, offset: 7 }, 'a', 6);
  assert.equal(start.offset, 0);
  assert.match(`${start.reborn}`, /lost its tail/);
});
