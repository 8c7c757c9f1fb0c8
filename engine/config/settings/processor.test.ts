import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  engineConfig,
  localProviders,
  payingConfig,
  processorConfig,
  simulatorConfig,
} from '../config.js';

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
    const listed = {
      TOLLGATE_PROVIDERS: 'simulator,stripe',
      TOLLGATE_STRIPE_KEY: 'sk_test_x',
      TOLLGATE_STRIPE_RETURN_URL: 'https://shop.example',
    };
    const { routes } = processorConfig({ ...listed, TOLLGATE_ROUTES: JSON.stringify([rule]) });
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
      [{ ...rule, asked: 'PayPal' }, /asked is neither/],
      [{ ...rule, amount_max: 1.5 }, /whole number/],
      [{ ...rule, fallback: 'simulator' }, /not a list/],
      [{ currency: 'EUR' }, /not a provider name/],
      [{ ...rule, provider: 'nobody' }, /nobody is not in TOLLGATE_PROVIDERS/],
    ];
    for (const [key, problem] of wrong)
      assert.match(problemOf({ ...listed, TOLLGATE_ROUTES: JSON.stringify([key]) }), problem);
    assert.match(problemOf({ TOLLGATE_ROUTES: '{' }), /not JSON/);
  });

  it('should refuse a provider that cannot work, and in production every simulator', () => {
    const cases: [Record<string, string>, RegExp][] = [
      [{ TOLLGATE_PROVIDERS: 'simulator,paypal' }, /there is no provider paypal/],
      [{ TOLLGATE_PROVIDERS: 'Stripe' }, /"Stripe" is not a provider name/],
      [{ TOLLGATE_PROVIDERS: 'auto' }, /"auto" is not a provider name/],
      [{ TOLLGATE_PROVIDERS: 'wallet,wallet' }, /named twice/],
      [{ TOLLGATE_PROVIDERS: 'stripe' }, /stripe needs TOLLGATE_STRIPE_KEY_FILE/],
      [{ TOLLGATE_PROVIDERS: 'simulator', TOLLGATE_PRODUCTION: 'on' }, /simulator is a simulator/],
      [
        {
          TOLLGATE_PROVIDERS: 'wallet,second',
          TOLLGATE_SIMULATORS: '{"second": "http://127.0.0.1:1"}',
          TOLLGATE_PRODUCTION: 'on',
        },
        /second is a simulator/,
      ],
    ];
    for (const [environment, problem] of cases) assert.match(problemOf(environment), problem);
    assert.equal(problemOf({ TOLLGATE_PROVIDERS: 'wallet', TOLLGATE_PRODUCTION: 'on' }), '');
    const production = { TOLLGATE_PROVIDERS: 'simulator', TOLLGATE_PRODUCTION: 'on' };
    assert.throws(() => engineConfig(production), /simulator is a simulator/);
    assert.throws(() => simulatorConfig(production), /must not run in production/);
    assert.throws(() => payingConfig({}), /TOLLGATE_PROVIDERS/);
  });

  it('should name all that can work on one machine, unless the setting names them', () => {
    assert.equal(localProviders({}), 'simulator,wallet');
    const more = { TOLLGATE_STRIPE_KEY: 'k', TOLLGATE_SIMULATORS: '{"b": "http://127.0.0.1:1"}' };
    assert.equal(localProviders(more), 'simulator,wallet,stripe,b');
    assert.equal(localProviders({ ...more, TOLLGATE_PROVIDERS: 'wallet' }), 'wallet');
  });
});
