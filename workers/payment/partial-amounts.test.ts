import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type KnownParts, NO_PARTS, type PartState, totalWith } from './partial-amounts.js';

interface Event {
  /** null: the sum so far. */
  readonly part: { readonly id: string; readonly state: PartState } | null;
  readonly amountMinor: number;
}

/** Books as Postgres keeps them: the total, and one row for each part. */
function totalAfter(events: readonly Event[]): number {
  const rows = new Map<string, { state: PartState; amountMinor: number }>();
  const sum = (states: readonly PartState[]): number =>
    [...rows.values()]
      .filter((row) => states.includes(row.state))
      .reduce((total, row) => total + row.amountMinor, 0);
  let total = 0;
  for (const { part, amountMinor } of events) {
    const known = part === null ? null : (rows.get(part.id) ?? null);
    const parts = { takenMinor: sum(['taken', 'void']), voidMinor: sum(['void']), known };
    const next = totalWith(total, parts, part, amountMinor);
    if (next === undefined) continue;
    total = next;
    if (part)
      rows.set(part.id, { state: part.state, amountMinor: known?.amountMinor ?? amountMinor });
  }
  return total;
}

/** The life of some refunds: each is made, and some fail later. With the provider's sums. */
const lives = fc
  .array(fc.record({ amountMinor: fc.integer({ min: 1, max: 100 }), fails: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((refunds) => {
    const events: Event[] = [];
    let sum = 0;
    refunds.forEach(({ amountMinor, fails }, i) => {
      sum += amountMinor;
      events.push({ part: { id: `re_${i}`, state: 'taken' }, amountMinor });
      events.push({ part: null, amountMinor: sum });
      if (!fails) return;
      sum -= amountMinor;
      events.push({ part: { id: `re_${i}`, state: 'void' }, amountMinor });
    });
    return { events, sum };
  });

describe('what is refunded or disputed', () => {
  it('should be the same in any order and however often each event comes', () => {
    const shuffled = lives.chain(({ events, sum }) =>
      fc.record({
        sum: fc.constant(sum),
        events: fc.shuffledSubarray([...events, ...events], {
          minLength: 2 * events.length,
          maxLength: 2 * events.length,
        }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ events, sum }) => assert.equal(totalAfter(events), sum)),
      { numRuns: 3_000 },
    );
  });

  it('should follow the sums of a provider that names no parts, and never fall by them', () => {
    const sums = [500, 500, 300, 700].map((amountMinor) => ({ part: null, amountMinor }));
    assert.equal(totalAfter(sums), 700);
  });

  it('should keep what only the sums have told when a part is named later', () => {
    const part = (id: string, state: PartState, amountMinor: number): Event => ({
      part: { id, state },
      amountMinor,
    });
    const sums = { part: null, amountMinor: 100 };
    assert.equal(totalAfter([sums, part('re_1', 'void', 60)]), 40);
    assert.equal(totalAfter([sums, part('re_1', 'void', 60), part('re_2', 'taken', 10)]), 40);
  });

  it('should not count an inquiry, and count it once it becomes a dispute', () => {
    const dispute = (state: PartState): Event => ({ part: { id: 'dp_1', state }, amountMinor: 90 });
    assert.equal(totalAfter([dispute('noted')]), 0);
    assert.equal(totalAfter([dispute('noted'), dispute('taken'), dispute('noted')]), 90);
    assert.equal(totalAfter([dispute('noted'), dispute('void')]), 0);
  });

  it('should say nothing new to a state that is known', () => {
    const known: KnownParts = { ...NO_PARTS, known: { state: 'void', amountMinor: 5 } };
    for (const state of ['noted', 'taken', 'void'] as const)
      assert.equal(totalWith(0, known, { id: 're_1', state }, 5), undefined);
  });
});
