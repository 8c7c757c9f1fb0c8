import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CURRENCIES, CURRENCIES_PUBLISHED, isCurrency, minorDigits } from './currencies.js';

describe('the accepted currencies', () => {
  it('should be the legal tender of a dated list', () => {
    assert.match(CURRENCIES_PUBLISHED, /^20\d\d-\d\d-\d\d$/);
    assert.equal(new Set(CURRENCIES).size, 155);
    assert.ok(CURRENCIES.every((currency) => /^[A-Z]{3}$/.test(currency) && isCurrency(currency)));
  });

  it('should have the X codes that are money, and no other', () => {
    const x = CURRENCIES.filter((currency) => currency.startsWith('X'));
    assert.deepEqual(x, ['XAF', 'XCD', 'XCG', 'XOF', 'XPF']);
  });

  for (const [kind, codes] of [
    ['fund', 'BOV CHE CHW CLF COU MXV USN UYI UYW'],
    ['metal', 'XAG XAU XPD XPT'],
    ['unit of account', 'XAD XBA XBB XBC XBD XDR XSU XUA'],
    ['test or no currency', 'XTS XXX'],
    ['withdrawn', 'ANG BGN BYR CUC DEM HRK LTL MRO SLL STD TRL VEF ZWL ZWD'],
    ['unknown', 'ZZZ usd'],
  ] as const)
    it(`should have no ${kind} code`, () => {
      assert.deepEqual(codes.split(' ').filter(isCurrency), []);
    });

  it('should know the digits of what is accepted and of what was', () => {
    const digits = ['JPY', 'XAF', 'USD', 'XCG', 'BHD', 'ANG', 'CUC', 'CLF', 'XAU', 'ZZZ'];
    assert.deepEqual(digits.map(minorDigits), [0, 0, 2, 2, 3, 2, 2, 4, 0, undefined]);
  });
});
