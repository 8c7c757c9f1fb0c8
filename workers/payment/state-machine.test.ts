import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTerminal, type PaymentStatusName } from '../../engine/core/payment.js';
import type { PspAnswer } from '../psp/port.js';
import { afterCharge } from './state-machine.js';

const answers: fc.Arbitrary<PspAnswer> = fc.record({
  outcome: fc.constantFrom('approved', 'declined', 'unknown', 'not_sent'),
  reference: fc.option(fc.string()),
  failureCode: fc.option(fc.string()),
  nextAction: fc.constantFrom(null, { type: 'redirect' }),
  retryAfterMs: fc.option(fc.nat()),
  httpStatus: fc.option(fc.integer({ min: 100, max: 599 })),
  response: fc.constant(null),
});
const RANK: Record<PaymentStatusName, number> = {
  pending: 0,
  processing: 1,
  requires_action: 2,
  succeeded: 3,
  failed: 3,
  canceled: 3,
};

describe('the state machine', () => {
  it('should only move forward, and never out of a terminal status, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(answers, { maxLength: 20 }), (evidence) => {
        let status = 'processing' as PaymentStatusName;
        for (const answer of evidence) {
          const next: PaymentStatusName = afterCharge(status, answer)?.status ?? status;
          if (isTerminal(status)) assert.equal(next, status);
          assert.ok(next === status || RANK[next] > RANK[status], `${status} to ${next}`);
          status = next;
        }
      }),
    );
  });

  it('should end a payment only on the explicit word of the provider', () => {
    const nothing = { reference: null, failureCode: null, nextAction: null, response: null };
    const answer = { ...nothing, retryAfterMs: null };
    for (const outcome of ['unknown', 'not_sent'] as const)
      assert.equal(afterCharge('processing', { ...answer, outcome, httpStatus: 500 }), undefined);
    const approved = afterCharge('processing', { ...answer, outcome: 'approved', httpStatus: 200 });
    assert.equal(approved?.status, 'succeeded');
    const declined = { ...answer, outcome: 'declined' as const, failureCode: 'x', httpStatus: 402 };
    assert.deepEqual(afterCharge('processing', declined), { status: 'failed', reason: 'x' });
  });
});
