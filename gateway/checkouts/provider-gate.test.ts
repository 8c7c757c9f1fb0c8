import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CheckoutAccepted } from '../../engine/codec/records.js';
import { ProviderGate } from './provider-gate.js';

const STORED = 'merchant/stored';

describe('the providers that a checkout may go to', () => {
  const check = (
    configured: readonly string[],
    provider: string,
    allowed?: readonly string[],
    checkoutId = 'new',
  ): string | undefined => {
    const get = (_: string, key: Buffer) => (`${key}` === STORED ? Buffer.alloc(1) : undefined);
    const gate = new ProviderGate({ get } as never, configured);
    const record = { merchant: 'merchant', checkout_id: checkoutId, provider };
    return gate.check(record as CheckoutAccepted, allowed)?.code;
  };

  it('should refuse what is not configured, and what the merchant may not use', () => {
    const both = ['stripe', 'wallet'];
    const cases: [readonly string[], string, readonly string[] | undefined, string | undefined][] =
      [
        [both, 'stripe', undefined, undefined],
        [both, 'auto', undefined, undefined],
        [both, 'simulator', undefined, 'provider_not_configured'],
        [both, 'simulator', ['simulator'], 'provider_not_configured'],
        [['wallet'], 'auto', undefined, 'provider_not_configured'],
        [['wallet'], 'wallet', undefined, undefined],
        [[], 'auto', undefined, 'provider_not_configured'],
        [both, 'stripe', ['stripe'], undefined],
        [both, 'wallet', ['stripe'], 'provider_not_allowed'],
        [both, 'auto', ['stripe'], 'provider_not_allowed'],
        [both, 'stripe', [], 'provider_not_allowed'],
      ];
    for (const [configured, provider, allowed, code] of cases)
      assert.equal(check(configured, provider, allowed), code, `${provider} of ${configured}`);
  });

  it('should let a checkout that was accepted before be answered as it was then', () => {
    assert.equal(check([], 'simulator', undefined, 'stored'), undefined);
    assert.equal(check(['stripe'], 'stripe', [], 'stored'), undefined);
  });
});
