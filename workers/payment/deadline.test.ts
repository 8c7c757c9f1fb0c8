import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordTimes } from '../tasks.js';
import { deadlineStart } from './deadline.js';

const DAY = 86_400_000;
/** When it was accepted in truth. */
const T = 100 * DAY;
const NONE: RecordTimes = { appendedAt: null, sentAt: null, waitedMsMax: null };

describe('the time from which a deadline counts', () => {
  const cases: [name: string, acceptedAt: number, times: Partial<RecordTimes>, expected: number][] =
    [
      ['an old record that says nothing', T, {}, T],
      ['clocks that agree', T, { appendedAt: T + 20, sentAt: T + 10, waitedMsMax: 300 }, T],
      [
        'a record that waited a day for Kafka',
        T,
        { appendedAt: T + DAY, sentAt: T + DAY, waitedMsMax: DAY + 300 },
        T,
      ],
      [
        'an engine a day behind',
        T - DAY,
        { appendedAt: T + 20, sentAt: T - DAY + 10, waitedMsMax: 300 },
        T + 10,
      ],
      [
        'an engine a day behind, and the record waited a day',
        T - DAY,
        { appendedAt: T + DAY, sentAt: T, waitedMsMax: DAY + 300 },
        T,
      ],
      [
        'an engine whose clock was put right before it published',
        T - DAY,
        { appendedAt: T + 20, sentAt: T + 10, waitedMsMax: 300 },
        T - 280,
      ],
      ['Kafka a day behind', T, { appendedAt: T - DAY, sentAt: T + 10, waitedMsMax: 300 }, T],
      [
        'an engine a day ahead',
        T + DAY,
        { appendedAt: T, sentAt: T + DAY, waitedMsMax: 300 },
        T + DAY,
      ],
    ];
  for (const [name, acceptedAt, times, expected] of cases) {
    it(`should be right or later: ${name}`, () => {
      assert.equal(deadlineStart(acceptedAt, { ...NONE, ...times }, 5_000), expected);
    });
  }
});
