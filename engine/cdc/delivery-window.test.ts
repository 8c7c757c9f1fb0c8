import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { DeliveryWindow } from './delivery-window.js';

it('should keep the low-water mark at the oldest open delivery, in whatever order they are confirmed', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(50).keys()]), (confirmed) => {
      const window = new DeliveryWindow(64);
      const tickets = Array.from({ length: 50 }, (_, n) =>
        window.add({ file: 1, offset: n, sequence: n }),
      );
      for (const n of confirmed) window.confirm(tickets[n]!);
      const open = tickets.findIndex((_, n) => !confirmed.includes(n));
      const end = { file: 1, offset: 50, sequence: 50 };
      assert.equal(window.lowWater(end).sequence, open === -1 ? 50 : open);
    }),
  );
});
