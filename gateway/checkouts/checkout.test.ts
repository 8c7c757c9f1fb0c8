import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BodyError } from '../http/problem.js';
import { isProblem, parseCheckout } from './checkout.js';

const VISA = { amount: 1, currency: 'USD', payment_method: 'pm_card_visa' };

function parsed(body: object) {
  return parseCheckout(Buffer.from(JSON.stringify({ ...VISA, ...body })), 'default', 'a', 0);
}

function errorsOf(body: object): readonly BodyError[] {
  const problem = parsed(body);
  assert.ok(isProblem(problem), `${JSON.stringify(body)} was accepted`);
  assert.equal(problem.status.slice(0, 3), '400');
  return problem.errors ?? [];
}

describe('the provider of a checkout', () => {
  for (const [asked, method, provider] of [
    [undefined, 'pm_card_visa', 'auto'],
    ['simulator', 'pm_card_visa', 'simulator'],
    ['stripe', 'pm_card_visa', 'stripe'],
    [undefined, 'wallet_anna', 'wallet'],
    ['wallet', 'wallet_anna', 'wallet'],
  ] as const)
    it(`should be ${provider} for ${method}, asked for ${asked}`, () => {
      const record = parsed({ provider: asked, payment_method: method });
      assert.ok(!isProblem(record));
      assert.equal(record.provider, provider);
    });

  for (const [asked, method, pointer] of [
    ['stripe', 'wallet_anna', '/provider'],
    ['simulator', 'wallet_anna', '/provider'],
    ['wallet', 'pm_card_visa', '/payment_method'],
    ['wallet', 'wallet', '/payment_method'],
    ['wallet', 'wallet_', '/payment_method'],
    [undefined, 'wallet_', '/payment_method'],
  ] as const)
    it(`should be refused where ${method} is asked of ${asked}`, () => {
      const errors = errorsOf({ provider: asked, payment_method: method });
      assert.deepEqual(
        errors.map((error) => error.pointer),
        [pointer],
      );
    });

  it('should have the form of a name', () => {
    for (const provider of ['PayPal', 'auto', '', 'a b', 'x'.repeat(33)])
      assert.deepEqual(errorsOf({ provider }), [
        { pointer: '/provider', detail: 'must be the name of a provider, such as stripe' },
      ]);
  });
});

describe('the currency of a checkout', () => {
  for (const code of ['USD', 'JPY', 'BHD', 'XCG', 'XAF', 'XOF', 'XPF', 'XCD', 'ZWG'])
    it(`should be ${code}`, () => {
      const record = parsed({ currency: code });
      assert.ok(!isProblem(record));
      assert.equal(record.currency, code);
    });

  for (const code of ['ANG', 'CUC', 'BGN', 'CLF', 'XAU', 'XTS', 'XXX', 'usd', 'US', ''])
    it(`should not be "${code}", and the error says what it may be`, () => {
      assert.deepEqual(errorsOf({ currency: code }), [
        { pointer: '/currency', detail: 'must be an ISO 4217 code in capitals, such as USD' },
      ]);
    });
});

describe('the texts of a checkout', () => {
  for (const [body, pointer, detail] of [
    [{ description: 'a\u0000b' }, '/description', 'must be '],
    [{ description: 'a\ud800b' }, '/description', 'must be '],
    [{ metadata: { a: '\u0000' } }, '/metadata/a', 'must be '],
    [{ metadata: { 'a\u0000': 'b' } }, '/metadata/a\u0000', 'the name must be '],
  ] as const)
    it(`should not be ${JSON.stringify(body)}`, () => {
      const rule = 'text without U+0000 and unpaired surrogates';
      assert.deepEqual(errorsOf(body), [{ pointer, detail: `${detail}${rule}` }]);
    });

  it('should have line breaks and any other character', () => {
    const record = parsed({ description: 'a\nb\u2028\u{1f4b6}', metadata: { 'a\nb': '\n' } });
    assert.ok(!isProblem(record));
    assert.deepEqual(record.metadata, { 'a\nb': '\n' });
  });
});
