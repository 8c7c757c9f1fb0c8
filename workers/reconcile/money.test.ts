import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decimalText, exponentOf, minorUnits, wholeUnits } from './money.js';

describe('amounts of reports', () => {
  for (const [text, currency, minor] of [
    ['19.99', 'USD', 1_999],
    ['0.1', 'EUR', 10],
    ['5', 'USD', 500],
    ['1999', 'JPY', 1_999],
    ['1999.00', 'JPY', 1_999],
    ['1.234', 'BHD', 1_234],
    ['-0.5', 'BHD', -500],
    ['-0.00', 'USD', 0],
    ['4.35', 'USD', 435],
    ['1.1', 'KWD', 1_100],
    ['90071992547409.91', 'USD', Number.MAX_SAFE_INTEGER],
  ] as const) {
    it(`should read ${text} ${currency} as ${minor}`, () => {
      assert.ok(Object.is(minorUnits(text, currency), minor));
    });
  }

  for (const [text, currency] of [
    ['1.999', 'USD'],
    ['1.5', 'JPY'],
    ['1e3', 'USD'],
    ['', 'USD'],
    ['.5', 'USD'],
    ['1,5', 'EUR'],
    ['+1', 'USD'],
    ['90071992547409.92', 'USD'],
    ['1', 'XXY'],
  ] as const) {
    it(`should refuse "${text}" ${currency}`, () => {
      assert.throws(() => minorUnits(text, currency), { code: 'amount_invalid' });
    });
  }

  it('should refuse what is no whole number where minor units are due', () => {
    for (const text of ['1.5', '', '1e3', '9007199254740993'])
      assert.throws(() => wholeUnits(text), { code: 'amount_invalid' });
    assert.equal(wholeUnits('-42'), -42);
  });

  it('should come back the same from text, in currencies of every exponent', () => {
    const currency = fc.constantFrom('JPY', 'USD', 'BHD', 'CLF');
    fc.assert(
      fc.property(fc.maxSafeInteger(), currency, (minor, code) => {
        assert.equal(minorUnits(decimalText(minor, code), code), minor);
      }),
    );
    assert.deepEqual(['JPY', 'USD', 'BHD', 'CLF'].map(exponentOf), [0, 2, 3, 4]);
  });
});
