import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processorConfig } from '../../engine/config/config.js';
import type { Ask } from '../postgres/claims.js';
import type { PspAnswer } from '../psp/port.js';
import { NOTHING } from '../psp/sanitize.js';
import { Settlements } from './outcome-builder.js';
import { delayOfAsk } from './retry-policy.js';
import type { Operation } from './state-machine.js';

const DAY_MS = 86_400_000;
const PENDING: PspAnswer = { ...NOTHING, outcome: 'unknown', reference: 'ch_1', response: null };

function ask(changes: Partial<Ask> = {}): Ask {
  const now = Date.now();
  return {
    ...{ merchant: 'm', checkoutId: 'c', version: 1, status: 'processing', amount: 100 },
    ...{ currency: 'USD', paymentMethod: 'pm', asked: 'auto', provider: 'simulator' },
    ...{ providerReference: null, attempt: 1, idempotencyKey: 'k', firstSentAt: now },
    ...{ lastSentAt: now, acceptedAt: now, asks: 1, tries: 0, findOnly: false },
    ...{ actionExpiresAt: null, waitingSince: null },
    ...changes,
  };
}

function settle(part: Partial<PspAnswer>, of: Ask = ask(), operation: Operation = 'charge') {
  const settlements = new Settlements(processorConfig({}), () => false, {
    ...{ agrees: true, trustedSince: 0 },
    get now() {
      return Date.now();
    },
  });
  const answer = { ...PENDING, ...part };
  const request = { ...of, amountMinor: of.amount };
  return settlements.afterCall(of, { operation, request, answer, wasNeverSent: true });
}

describe('how long a payment waits for its provider', () => {
  it('should not count what was dated before Postgres’ clock stepped', () => {
    const now = Date.now();
    const waits = ask({ waitingSince: now - 2 * DAY_MS, firstSentAt: null });
    const kindAt = (trustedSince: number): string =>
      new Settlements(processorConfig({}), () => false, {
        agrees: true,
        now,
        trustedSince,
      }).turnedAway(waits, 'provider_busy', true).result.kind;
    assert.equal(kindAt(0), 'dead');
    assert.equal(kindAt(now - 1_000), 'retry');
  });
});

describe('what an answer means for a payment', () => {
  it('should never take a problem for an end, and count it as a failed try', () => {
    for (const problem of ['foreign_answer', 'key_conflict', 'key_in_use', 'no_answer'] as const) {
      const { row, result } = settle({ problem, reference: null });
      assert.deepEqual([row.status, row.is_failure, row.never_sent], [null, true, false], problem);
      assert.deepEqual([result.kind, 'reason' in result && result.reason], ['retry', problem]);
    }
  });

  it('should forget a send only by the provider’s own refusal', () => {
    const { row } = settle({ outcome: 'not_sent', problem: 'rate_limited', httpStatus: 429 });
    assert.equal(row.never_sent, true);
    const foreign = settle({ problem: 'foreign_answer', httpStatus: 429 });
    assert.equal(foreign.row.never_sent, false);
  });

  it('should not send a key again that came with other parameters', () => {
    assert.equal(settle({ problem: 'key_conflict' }).row.find_only, true);
    assert.equal(settle({ problem: 'foreign_answer', httpStatus: 404 }).row.find_only, false);
  });

  it('should end nothing by a charge of another amount, and show it to a person', () => {
    const { row, result } = settle({ outcome: 'approved', amountMinor: 99, currency: 'USD' });
    assert.equal(row.status, null);
    assert.deepEqual([result.kind, 'reason' in result && result.reason], ['dead', 'other_amount']);
  });

  it('should ask less and less often, at least once an hour', () => {
    assert.ok(delayOfAsk(2_000, 0, DAY_MS) <= 2_200);
    for (const [pendingMs, most] of [
      [0, 300_000],
      [600_000, 300_000],
      [3_600_000, 1_800_000],
      [DAY_MS, 3_600_000],
    ] as const) {
      const wait = delayOfAsk(2_000, 30, pendingMs);
      assert.ok(wait >= 0.9 * most && wait <= 1.1 * most, `${pendingMs}: ${wait}`);
    }
  });

  it('should show a charge to a person that its provider has not finished for a week', () => {
    const old = { lastSentAt: Date.now() - 7 * DAY_MS - 1_000, providerReference: 'ch_1' };
    const young = { ...old, lastSentAt: old.lastSentAt + 10_000 };
    const { result } = settle({}, ask(old), 'find');
    assert.deepEqual([result.kind, 'reason' in result && result.reason], ['dead', 'not_finished']);
    assert.equal(settle({}, ask(young), 'find').result.kind, 'done');
    const withPayer = ask({ ...old, actionExpiresAt: Date.now() + DAY_MS });
    assert.equal(settle({}, withPayer, 'find').result.kind, 'done');
  });
});
