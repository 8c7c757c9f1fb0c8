import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Ask } from '../postgres/claims.js';
import type { PspTraits } from '../psp/port.js';
import { planNext } from './next-action.js';

const SETTINGS = { deadlineMs: 86_400_000, pspTimeoutMs: 1_000 };
const KIND: PspTraits = { keyWindowMs: 60_000, findLagMs: 500, replaysErrors: false };

function ask(changes: Partial<Ask>): Ask {
  return {
    merchant: 'default',
    checkoutId: 'c',
    version: 1,
    status: 'processing',
    amount: 100,
    currency: 'USD',
    paymentMethod: 'pm',
    asked: 'auto',
    provider: 'simulator',
    providerReference: null,
    attempt: 1,
    idempotencyKey: 'k',
    firstSentAt: 0,
    lastSentAt: 0,
    acceptedAt: 0,
    asks: 1,
    tries: 0,
    findOnly: false,
    actionExpiresAt: null,
    waitingSince: null,
    ...changes,
  };
}

describe('the plan for an unknown outcome', () => {
  it('should send what nobody has, until its deadline', () => {
    const unsent = ask({ firstSentAt: null });
    assert.equal(planNext(unsent, KIND, SETTINGS, 86_400_000).kind, 'send_first');
    assert.equal(planNext(unsent, KIND, SETTINGS, 86_400_001).kind, 'expire');
  });

  it('should never expire what may have been sent', () => {
    assert.notEqual(planNext(ask({}), KIND, SETTINGS, 10 * 86_400_000).kind, 'expire');
  });

  it('should send the same key inside the trusted window, and look for it afterwards', () => {
    const inside = planNext(ask({}), KIND, SETTINGS, 52_999);
    assert.deepEqual(inside, { kind: 'send_again', until: 53_000 });
    const outside = planNext(ask({ lastSentAt: 10_000 }), KIND, SETTINGS, 53_000);
    assert.deepEqual(outside, {
      kind: 'find',
      provesFrom: 10_000 + 3_000 + 1_000 + 500,
      until: 86_400_000,
    });
  });

  it('should only look for an attempt whose error may be replayed', () => {
    assert.equal(planNext(ask({ findOnly: true }), KIND, SETTINGS, 10).kind, 'find');
  });

  it('should send nothing after the deadline, and only look for what was sent', () => {
    const settings = { deadlineMs: 20_000, pspTimeoutMs: 1_000 };
    const wide = { ...KIND, keyWindowMs: 10 * 86_400_000 };
    const before = planNext(ask({}), wide, settings, 19_999);
    assert.deepEqual(before, { kind: 'send_again', until: 20_000 });
    for (const now of [20_000, 30_000, 21 * 3_600_000, 7 * 86_400_000]) {
      const plan = planNext(ask({}), wide, settings, now);
      assert.deepEqual(plan, { kind: 'find', provesFrom: 4_500, until: 20_000 });
    }
  });

  it('should ask for what the provider has named, and cancel it when the payer is late', () => {
    const waiting = { status: 'requires_action' as const, actionExpiresAt: 5_000 };
    const named = ask({ ...waiting, providerReference: 'ch_1' });
    assert.deepEqual(planNext(named, KIND, SETTINGS, 10), { kind: 'retrieve', visibleFrom: 500 });
    assert.deepEqual(planNext(named, KIND, SETTINGS, 5_000), { kind: 'cancel', reference: 'ch_1' });
  });

  it('should never let a key out after the window, nor prove anything before the lag', () => {
    fc.assert(
      fc.property(
        fc.record({
          now: fc.nat(200_000),
          firstSentAt: fc.nat(100_000),
          later: fc.nat(50_000),
          findOnly: fc.boolean(),
          keyWindowMs: fc.nat(100_000),
          findLagMs: fc.nat(100_000),
          replaysErrors: fc.boolean(),
        }),
        ({ now, firstSentAt, later, findOnly, ...traits }) => {
          const lastSentAt = firstSentAt + later;
          const plan = planNext(ask({ firstSentAt, lastSentAt, findOnly }), traits, SETTINGS, now);
          if (plan.kind === 'send_again')
            assert.ok(
              plan.until + SETTINGS.pspTimeoutMs <= firstSentAt + traits.keyWindowMs && !findOnly,
            );
          else
            assert.ok(
              plan.kind === 'find' &&
                plan.provesFrom >= lastSentAt + traits.findLagMs + SETTINGS.pspTimeoutMs,
            );
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
