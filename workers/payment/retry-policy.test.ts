import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { delayAfterFailure, delayWhileWaiting, sweepGraceMs, topicFor } from './retry-policy.js';
import { candidatesFor, chooseProvider } from './routing.js';

const DELAYS = [
  { name: '5s', ms: 5_000 },
  { name: '30s', ms: 30_000 },
  { name: '5m', ms: 300_000 },
];

describe('the retry policy', () => {
  it('should wait longer each time, repeat the last wait, and vary by a tenth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), (failures) => {
        const { ms } = DELAYS[Math.min(failures, 3) - 1]!;
        const delay = delayAfterFailure(DELAYS, failures, null);
        assert.ok(delay >= ms * 0.9 && delay <= ms * 1.1);
        assert.equal(
          topicFor(DELAYS, delay),
          `payments.retry.${DELAYS[Math.min(failures, 3) - 1]!.name}`,
        );
      }),
    );
  });

  it("should obey the provider's Retry-After", () => {
    assert.equal(delayAfterFailure(DELAYS, 1, 42_000), 42_000);
    assert.equal(topicFor(DELAYS, 42_000), 'payments.retry.30s');
    assert.ok(delayAfterFailure(DELAYS, 3, 1) >= 270_000);
    assert.equal(delayAfterFailure(DELAYS, 1, 1e15), 86_400_000);
  });

  it('should look soon, then every half minute, while a provider takes no calls', () => {
    assert.ok(delayWhileWaiting(DELAYS, true) <= 5_500);
    const later = delayWhileWaiting(DELAYS, false);
    assert.ok(later >= 27_000 && later <= 33_000);
    assert.equal(sweepGraceMs(null, 1_000_000), 30_000);
    assert.equal(sweepGraceMs(900_000, 1_000_000), 100_000);
    assert.equal(sweepGraceMs(0, 10_000_000), 600_000);
  });
});

describe('routing', () => {
  const rules = [
    { asked: 'auto', currency: 'EUR', amountMin: 100, amountMax: 500, providers: ['b', 'a'] },
    { asked: 'stripe', currency: null, amountMin: 1, amountMax: 9e9, providers: ['c'] },
  ];
  const payment = { asked: 'auto', amount: 100, currency: 'EUR', paymentMethod: 'pm_card_visa' };
  const of = (changes: object) =>
    candidatesFor(
      { routes: rules, providers: ['simulator', 'stripe', 'wallet'] },
      { ...payment, ...changes },
    );

  it('should take the first rule that matches currency, amount and the provider asked for', () => {
    assert.deepEqual(of({}), ['b', 'a']);
    assert.deepEqual(of({ amount: 501 }), ['simulator']);
    assert.deepEqual(of({ currency: 'USD' }), ['simulator']);
    assert.deepEqual(of({ asked: 'stripe' }), ['c']);
    assert.deepEqual(of({ asked: 'simulator' }), ['simulator']);
    assert.deepEqual(of({ asked: 'stripe', paymentMethod: 'wallet_ann' }), ['wallet']);
  });

  it('should fall back to a provider that takes calls, and come back when none does', () => {
    const all = () => true;
    const open =
      (...names: string[]) =>
      (name: string) =>
        !names.includes(name);
    assert.equal(chooseProvider(['b', 'a'], all, all), 'b');
    assert.equal(chooseProvider(['b', 'a'], all, open('b')), 'a');
    assert.equal(chooseProvider(['b', 'a'], all, open('a', 'b')), 'b');
    assert.equal(chooseProvider(['b', 'a'], all, all, 'b'), 'a');
    assert.equal(chooseProvider(['b'], all, all, 'b'), 'b');
    assert.equal(chooseProvider(['b'], open('b'), all), undefined);
  });
});
