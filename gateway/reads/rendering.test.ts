import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isProblem, meaningOf, parseCheckout } from '../checkouts/checkout.js';
import { iso } from '../http/time.js';
import { acceptedBody } from './payment-view.js';

describe('what is rendered by hand', () => {
  const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);

  it('should write times as Date does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.nat(999), (at, later) => {
        for (const ms of [at, at + later]) {
          if (ms <= 253_402_300_799_999) assert.equal(iso(ms), new Date(ms).toISOString());
        }
      }),
    );
  });

  it('should write the 202 as JSON.stringify does', () => {
    const record = fc.record({
      checkout_id: token,
      amount: fc.integer({ min: 1, max: 999_999_999_999 }),
      currency: fc.constantFrom('USD', 'JPY'),
      payment_method: token,
      provider: fc.constantFrom('auto', 'simulator', 'stripe', 'wallet'),
    });
    fc.assert(
      fc.property(record, fc.integer({ min: 0, max: 2 ** 45 }), (entry, at) => {
        const expected = JSON.stringify({
          object: 'payment',
          payment_checkout_id: entry.checkout_id,
          status: 'pending',
          amount: entry.amount,
          currency: entry.currency,
          payment_method: entry.payment_method,
          provider: entry.provider,
          created_at: new Date(at).toISOString(),
        });
        assert.equal(acceptedBody(entry, at), expected);
      }),
    );
  });

  it('should write what a fingerprint is made of as JSON.stringify does', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    const body = fc.record(
      {
        amount: fc.integer({ min: 1, max: 999_999_999_999 }),
        currency: fc.constantFrom('USD', 'JPY'),
        payment_method: token,
        description: text,
        metadata: fc.dictionary(text, text),
      },
      { requiredKeys: ['amount', 'currency', 'payment_method'] },
    );
    fc.assert(
      fc.property(body, (entry) => {
        const entries = Object.entries(entry.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
        const { amount, currency, payment_method: method, description = null } = entry;
        const expected = JSON.stringify([amount, currency, method, 'auto', description, entries]);
        assert.equal(meaningOf(entry, 'auto'), expected);
      }),
    );
  });

  it('should take bodies in UTF-8 only', () => {
    const body = (description: string): string =>
      `{"amount": 1, "currency": "USD", "payment_method": "pm_card_visa", "description": "${description}"}`;
    const parsed = (bytes: Buffer) => parseCheckout(bytes, 'default', 'a', 0);
    const taken = parsed(Buffer.from(body('Grüße, 金')));
    assert.ok(!isProblem(taken) && taken.description === 'Grüße, 金');
    for (const bytes of [
      Buffer.from(body('Grüße'), 'latin1'),
      Buffer.from(`\ufeff${body('a mark in front')}`),
      Buffer.from(body('plain')).subarray(0, 40),
    ]) {
      const refused = parsed(bytes);
      assert.ok(isProblem(refused) && refused.code === 'invalid_json');
    }
  });
});
