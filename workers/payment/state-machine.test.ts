import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  isTerminal,
  PAYMENT_STATUSES,
  type PaymentStatusName,
} from '../../engine/domain/payment.js';
import type { PspAnswer } from '../psp/port.js';
import {
  CLAIM_STATUSES,
  type Evidence,
  type Judgement,
  judge,
  type PaymentFacts,
} from './state-machine.js';

const ANSWER: PspAnswer = {
  outcome: 'unknown',
  reference: null,
  failureCode: null,
  nextAction: null,
  problem: null,
  amountMinor: null,
  currency: null,
  payment: null,
  retryAfterMs: null,
  httpStatus: null,
  response: null,
};
const START: PaymentFacts = {
  status: 'processing',
  amountMinor: 100,
  currency: 'USD',
  refundedMinor: 0,
  disputedMinor: 0,
  reference: null,
  wasNeverSent: false,
  deadReason: null,
};

const answers: fc.Arbitrary<PspAnswer> = fc.record({
  outcome: fc.constantFrom('approved', 'declined', 'unknown', 'not_sent'),
  reference: fc.constantFrom(null, 'ch_1', 'ch_2'),
  failureCode: fc.constantFrom(null, 'not_found', 'canceled', 'already_captured', 'card_declined'),
  nextAction: fc.constantFrom(null, { type: 'redirect' }),
  problem: fc.constantFrom(null, 'foreign_answer', 'provider_error'),
  amountMinor: fc.constantFrom(null, 100, 60),
  currency: fc.constantFrom(null, 'USD', 'EUR'),
  payment: fc.constant(null),
  retryAfterMs: fc.option(fc.nat()),
  httpStatus: fc.option(fc.integer({ min: 100, max: 599 })),
  response: fc.constant(null),
});
const claims = fc.record({
  type: fc.constantFrom('charge.captured', 'charge.other'),
  status: fc.constantFrom(...CLAIM_STATUSES),
  reference: fc.constantFrom('ch_1', 'ch_2'),
  amountMinor: fc.constantFrom(100, 60, 40, 101),
  currency: fc.constantFrom('USD', 'EUR'),
  failureCode: fc.constantFrom(null, 'stolen'),
});
const evidences: fc.Arbitrary<Evidence> = fc.oneof(
  fc.record({
    kind: fc.constant('answer' as const),
    operation: fc.constantFrom('charge', 'find', 'cancel', 'capture', 'refund'),
    answer: answers,
    amountMinor: fc.constantFrom(100, 60, 40, 101),
  }),
  fc.record({ kind: fc.constant('webhook' as const), claim: claims }),
  fc.constantFrom<Evidence[]>(
    { kind: 'deadline_passed' },
    { kind: 'dead_lettered', reason: 'attempts_exhausted' },
    { kind: 'redriven' },
  ),
);
const facts: fc.Arbitrary<PaymentFacts> = fc.record({
  status: fc.constantFrom(...PAYMENT_STATUSES),
  amountMinor: fc.constant(100),
  currency: fc.constant('USD'),
  refundedMinor: fc.constantFrom(0, 40, 100),
  disputedMinor: fc.constantFrom(0, 40, 100),
  reference: fc.constantFrom(null, 'ch_1', 'ch_2'),
  wasNeverSent: fc.boolean(),
  deadReason: fc.constantFrom(null, 'attempts_exhausted'),
});

/** Said again here, so that the test does not believe the code. */
function rank(status: PaymentStatusName): number {
  return { pending: 0, processing: 1, requires_action: 2 }[status as string] ?? 3;
}

function apply(before: PaymentFacts, judgement: Judgement): PaymentFacts {
  if (judgement.kind === 'moves') return { ...before, status: judgement.status, deadReason: null };
  if (judgement.kind !== 'noted') return before;
  const { refundedMinor, disputedMinor, deadReason } = judgement;
  return { ...before, refundedMinor, disputedMinor, deadReason };
}

describe('the state machine', () => {
  it('should only move forward, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(facts, fc.array(evidences, { maxLength: 30 }), (start, evidence) => {
        let now = start;
        for (const entry of evidence) {
          const next = apply(now, judge(now, entry));
          if (isTerminal(now.status)) assert.equal(next.status, now.status);
          assert.ok(next.status === now.status || rank(next.status) > rank(now.status));
          assert.ok(next.refundedMinor >= now.refundedMinor, 'a refund is undone');
          assert.ok(next.disputedMinor >= now.disputedMinor, 'a dispute is undone');
          assert.ok(next.refundedMinor <= now.amountMinor, 'more is refunded than was paid');
          now = next;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('should answer the same evidence again with nothing new', () => {
    fc.assert(
      fc.property(facts, evidences, (start, evidence) => {
        const isRefund = evidence.kind === 'answer' && evidence.operation === 'refund';
        const once = apply(start, judge(start, evidence));
        const again = judge(once, evidence);
        if (!isRefund) assert.ok(again.kind === 'dropped' || again.kind === 'early');
      }),
      { numRuns: 2_000 },
    );
  });

  it('should end a payment that may have been sent only on the explicit word of the provider', () => {
    fc.assert(
      fc.property(facts, evidences, (start, evidence) => {
        if (start.status === 'pending' || start.wasNeverSent) return;
        const isWord =
          evidence.kind === 'webhook' ||
          (evidence.kind === 'answer' &&
            ['approved', 'declined'].includes(evidence.answer.outcome));
        const { status } = apply(start, judge(start, evidence));
        assert.ok(isWord || status === start.status || status === 'requires_action');
      }),
      { numRuns: 2_000 },
    );
  });

  const table: [name: string, facts: Partial<PaymentFacts>, Evidence, expected: string][] = [
    ['an approved charge', {}, answer('charge', { outcome: 'approved' }), 'succeeded'],
    ['a declined one', {}, answer('charge', { outcome: 'declined' }), 'failed'],
    ['a 500', {}, answer('charge', { httpStatus: 500 }), 'proves_nothing'],
    ['something for the payer', {}, answer('charge', { nextAction: {} }), 'requires_action'],
    ['an empty find', {}, answer('find', declined('not_found')), 'proves_nothing'],
    ['a find of a decline', {}, answer('find', declined('stolen')), 'failed'],
    ['a find of another amount', {}, answer('find', approvedOf(99, 'USD')), 'other_amount'],
    ['a find in another currency', {}, answer('find', approvedOf(100, 'EUR')), 'other_amount'],
    ['a find of our amount', {}, answer('find', approvedOf(100, 'USD')), 'succeeded'],
    ['a find of a cancel', {}, answer('find', declined('canceled')), 'canceled'],
    [
      'a cancel',
      { status: 'requires_action' },
      answer('cancel', { outcome: 'approved' }),
      'canceled',
    ],
    ['too late a cancel', {}, answer('cancel', declined('already_captured')), 'proves_nothing'],
    ['a capture', {}, answer('capture', { outcome: 'approved' }), 'succeeded'],
    ['a webhook before the answer', {}, claim({}), 'succeeded'],
    ['of another charge', { reference: 'ch_9' }, claim({}), 'other_reference'],
    ['of another amount', {}, claim({ amountMinor: 99 }), 'other_amount'],
    ['after the end', { status: 'failed' }, claim({}), 'terminal'],
    ['twice', { status: 'succeeded' }, claim({}), 'repeat'],
    ['an action', {}, claim({ status: 'requires_action' }), 'proves_nothing'],
    ['a late action', { status: 'succeeded' }, claim({ status: 'requires_action' }), 'terminal'],
    ['a dispute', { status: 'succeeded' }, claim({ status: 'disputed' }), 'noted'],
    ['an early dispute', {}, claim({ status: 'disputed' }), 'early'],
    ['the deadline, never sent', { wasNeverSent: true }, { kind: 'deadline_passed' }, 'failed'],
    ['the deadline, sent', {}, { kind: 'deadline_passed' }, 'was_sent'],
    ['a dead letter', {}, { kind: 'dead_lettered', reason: 'x' }, 'noted'],
    ['a redrive of nothing', {}, { kind: 'redriven' }, 'not_dead'],
  ];
  for (const [name, known, evidence, expected] of table) {
    it(`should judge ${name}: ${expected}`, () => {
      const judgement = judge({ ...START, ...known }, evidence);
      const word =
        judgement.kind === 'moves'
          ? judgement.status
          : judgement.kind === 'dropped'
            ? judgement.why
            : judgement.kind;
      assert.equal(word, expected);
    });
  }
});

function answer(
  operation: 'charge' | 'find' | 'cancel' | 'capture',
  part: Partial<PspAnswer>,
): Evidence {
  return { kind: 'answer', operation, answer: { ...ANSWER, ...part } };
}

function declined(failureCode: string): Partial<PspAnswer> {
  return { outcome: 'declined', failureCode };
}

function approvedOf(amountMinor: number, currency: string): Partial<PspAnswer> {
  return { outcome: 'approved', amountMinor, currency };
}

function claim(part: object): Evidence {
  const base = { type: 'charge.captured', status: 'captured' as const, reference: 'ch_1' };
  const rest = { amountMinor: 100, currency: 'USD', failureCode: null };
  return { kind: 'webhook', claim: { ...base, ...rest, ...part } };
}
