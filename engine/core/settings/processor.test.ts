import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processorConfig } from '../config.js';

function problemOf(environment: Record<string, string>): string {
  try {
    processorConfig(environment);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

describe("a processor's settings", () => {
  it('should read delays with their names, ascending', () => {
    const { retryDelays } = processorConfig({ TOLLGATE_RETRY_DELAYS: '500ms, 2s,1m' });
    assert.deepEqual(retryDelays, [
      { name: '500ms', ms: 500 },
      { name: '2s', ms: 2_000 },
      { name: '1m', ms: 60_000 },
    ]);
    for (const wrong of ['5s,5s', '30s,5s', 'soon', '5', '1s,2s,3s,4s,5s,6s,7s,8s,9s'])
      assert.match(problemOf({ TOLLGATE_RETRY_DELAYS: wrong }), /ascending delays/, wrong);
  });

  it('should refuse Stripe without a way back for payers, and name the setting', () => {
    const key = { TOLLGATE_STRIPE_KEY: 'sk_test_x' };
    assert.match(problemOf(key), /TOLLGATE_STRIPE_RETURN_URL/);
    assert.equal(problemOf({ ...key, TOLLGATE_STRIPE_RETURN_URL: 'https://shop.example' }), '');
    assert.equal(problemOf({}), '');
  });

  it('should read routes whole, and name what is wrong with them', () => {
    const rule = { currency: 'EUR', amount_max: 500, provider: 'stripe', fallback: ['simulator'] };
    const { routes } = processorConfig({ TOLLGATE_ROUTES: JSON.stringify([rule]) });
    assert.deepEqual(routes[0], {
      asked: 'auto',
      currency: 'EUR',
      amountMin: 1,
      amountMax: 500,
      providers: ['stripe', 'simulator'],
    });
    const wrong: [object, RegExp][] = [
      [{ ...rule, curency: 'EUR' }, /unknown field curency/],
      [{ ...rule, currency: 'eur' }, /ISO 4217 code in capitals/],
      [{ ...rule, asked: 'paypal' }, /asked is none of/],
      [{ ...rule, amount_max: 1.5 }, /whole number/],
      [{ ...rule, fallback: 'simulator' }, /not a list/],
      [{ currency: 'EUR' }, /not a provider name/],
      [{ ...rule, provider: 'nobody' }, /there is no provider nobody/],
    ];
    for (const [it, problem] of wrong)
      assert.match(problemOf({ TOLLGATE_ROUTES: JSON.stringify([it]) }), problem);
    assert.match(problemOf({ TOLLGATE_ROUTES: '{' }), /not JSON/);
  });
});
