/**
 * Applies a claim about a payment to its state. Pure, and the only place that decides a status.
 * States only move forward; a terminal status never changes; only a provider's explicit answer
 * ends a payment that may have been sent. A claim that changes nothing returns its reason, so that
 * it can be counted.
 */
import { isTerminal, type PaymentStatusName } from '../../engine/domain/payment.js';
import type { PspAnswer } from '../psp/port.js';
import { type KnownParts, NO_PARTS, type Part, totalWith } from './partial-amounts.js';

/** What is known of a payment before the evidence. Amounts in minor units. */
export interface PaymentFacts {
  readonly status: PaymentStatusName;
  readonly amountMinor: number;
  readonly currency: string;
  readonly refundedMinor: number;
  readonly disputedMinor: number;
  /** The provider's, once one is known. */
  readonly reference: string | null;
  /** Surely no provider has it. */
  readonly wasNeverSent: boolean;
  /** Why it waits in the dead-letter queue; null when it does not. */
  readonly deadReason: string | null;
  /** Of the kind that the claim is about: refunds, or disputes. */
  readonly parts?: KnownParts;
}

/** `find` asks about the charge. `refund` carries the amount that was asked for. */
export type Operation = 'charge' | 'find' | 'cancel' | 'capture' | 'refund';

/** A provider's own words are translated into these. */
export const CLAIM_STATUSES = [
  'authorized',
  'requires_action',
  'captured',
  'declined',
  'canceled',
  'refunded',
  'disputed',
] as const;
export type ClaimStatus = (typeof CLAIM_STATUSES)[number];

/** What a webhook says. Of a refund or a dispute the amount is the sum so far. */
export interface WebhookClaim {
  /** The provider's name of the event, for the history. */
  readonly type: string;
  readonly status: ClaimStatus;
  readonly reference: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly failureCode: string | null;
  /** The one refund or dispute that it is about; the amount is then of this one. */
  readonly part?: Part;
}

export type Evidence =
  | {
      readonly kind: 'answer';
      readonly operation: Operation;
      readonly answer: PspAnswer;
      /** Only for a refund. */
      readonly amountMinor?: number;
      /** Why it was asked for, when not by the payment's own course. */
      readonly reason?: string;
    }
  | { readonly kind: 'webhook'; readonly claim: WebhookClaim }
  | { readonly kind: 'deadline_passed' }
  | { readonly kind: 'dead_lettered'; readonly reason: string }
  | { readonly kind: 'redriven' };

/**
 * Why evidence changes nothing: each is a metric. `same_total`: the part is new and must be
 * recorded, what counts is the same.
 */
export type Dropped =
  | 'proves_nothing'
  | 'repeat'
  | 'terminal'
  | 'other_reference'
  | 'other_amount'
  | 'late_capture'
  | 'same_total'
  | 'was_sent'
  | 'not_dead';

/**
 * `moves`: a new status. `noted`: the same status, and a new version with its reason.
 * `early`: true perhaps, but what must come before it is not known yet: keep it and judge
 * again. `dropped`: nothing.
 */
export type Judgement =
  | {
      readonly kind: 'moves';
      readonly status: PaymentStatusName;
      readonly reason: string;
      readonly failureCode: string | null;
    }
  | {
      readonly kind: 'noted';
      readonly reason: string;
      readonly refundedMinor: number;
      readonly disputedMinor: number;
      readonly deadReason: string | null;
    }
  | { readonly kind: 'early' }
  | { readonly kind: 'dropped'; readonly why: Dropped };

export function judge(facts: PaymentFacts, evidence: Evidence): Judgement {
  switch (evidence.kind) {
    case 'answer':
      return evidence.operation === 'refund'
        ? judgeRefund(facts, evidence.answer, evidence.amountMinor ?? 0)
        : judgeAnswer(facts, evidence.operation, evidence.answer, evidence.reason);
    case 'webhook':
      return judgeClaim(facts, evidence.claim);
    case 'deadline_passed':
      if (facts.status === 'pending' || facts.wasNeverSent) return fails(facts, 'expired');
      return isTerminal(facts.status) ? dropped('terminal') : dropped('was_sent');
    case 'dead_lettered':
      if (isTerminal(facts.status)) return dropped('terminal');
      if (facts.deadReason !== null) return dropped('repeat');
      return noted(facts, `dead_letter: ${evidence.reason}`, { deadReason: evidence.reason });
    case 'redriven':
      if (isTerminal(facts.status)) return dropped('terminal');
      if (facts.deadReason === null) return dropped('not_dead');
      return noted(facts, 'redriven', { deadReason: null });
  }
}

function judgeAnswer(
  facts: PaymentFacts,
  operation: 'charge' | 'find' | 'cancel' | 'capture',
  answer: PspAnswer,
  reason: string | undefined,
): Judgement {
  if (isTerminal(facts.status)) return dropped('terminal');
  if (isOtherAmount(facts, answer)) return dropped('other_amount');
  switch (answer.outcome) {
    case 'approved':
      if (operation === 'cancel') return moves(facts, 'canceled', reason ?? 'canceled');
      return moves(facts, 'succeeded', 'approved');
    case 'declined':
      if (answer.failureCode === 'canceled')
        return moves(facts, 'canceled', reason ?? 'canceled_by_provider');
      // That a charge is not there, or can no longer be changed, does not say how it ended.
      return operation === 'charge' || (operation === 'find' && answer.failureCode !== 'not_found')
        ? fails(facts, answer.failureCode ?? 'declined')
        : dropped('proves_nothing');
    case 'unknown':
      if (answer.nextAction === null) return dropped('proves_nothing');
      return moves(facts, 'requires_action', 'requires_action');
    case 'not_sent':
      return dropped('proves_nothing');
  }
}

/** A charge under our key that is not what we asked for: nothing of it counts. */
function isOtherAmount(facts: PaymentFacts, { amountMinor, currency }: PspAnswer): boolean {
  return (
    (amountMinor !== null && amountMinor !== facts.amountMinor) ||
    (currency !== null && currency !== facts.currency)
  );
}

function judgeRefund(facts: PaymentFacts, answer: PspAnswer, amountMinor: number): Judgement {
  if (answer.outcome !== 'approved') return dropped('proves_nothing');
  return refunds(facts, facts.refundedMinor + amountMinor);
}

function judgeClaim(facts: PaymentFacts, claim: WebhookClaim): Judgement {
  if (facts.reference !== null && claim.reference !== facts.reference)
    return dropped('other_reference');
  const isPart = claim.status === 'refunded' || claim.status === 'disputed';
  const isAmount = isPart
    ? claim.amountMinor <= facts.amountMinor
    : claim.amountMinor === facts.amountMinor;
  if (claim.currency !== facts.currency || !isAmount) return dropped('other_amount');
  switch (claim.status) {
    case 'authorized':
    // What the payer has to do stands only in the answer to our own call.
    case 'requires_action':
      return isTerminal(facts.status) ? dropped('terminal') : dropped('proves_nothing');
    case 'captured':
      return moves(facts, 'succeeded', claim.type);
    case 'declined':
      return fails(facts, claim.failureCode ?? 'declined');
    case 'canceled':
      return moves(facts, 'canceled', claim.type);
    case 'refunded':
      return judgePart(facts, claim, facts.refundedMinor, (refundedMinor) => {
        const reason = refundedMinor < facts.refundedMinor ? 'refund_failed' : 'refunded';
        return refundedMinor > facts.amountMinor
          ? dropped('other_amount')
          : noted(facts, reason, { refundedMinor });
      });
    case 'disputed':
      return judgePart(facts, claim, facts.disputedMinor, (disputedMinor) =>
        noted(facts, claim.type, { disputedMinor }),
      );
  }
}

/** A refund or a dispute, or their sum so far. @param total what counts so far */
function judgePart(
  facts: PaymentFacts,
  claim: WebhookClaim,
  total: number,
  changed: (total: number) => Judgement,
): Judgement {
  if (!isTerminal(facts.status)) return { kind: 'early' };
  if (facts.status !== 'succeeded') return dropped('terminal');
  const next = totalWith(total, facts.parts ?? NO_PARTS, claim.part ?? null, claim.amountMinor);
  if (next === undefined) return dropped('repeat');
  return next === total ? dropped('same_total') : changed(next);
}

/** @param total everything that is refunded by now */
function refunds(facts: PaymentFacts, total: number): Judgement {
  if (!isTerminal(facts.status)) return { kind: 'early' };
  if (facts.status !== 'succeeded') return dropped('terminal');
  if (total > facts.amountMinor) return dropped('other_amount');
  if (total <= facts.refundedMinor) return dropped('repeat');
  return noted(facts, 'refunded', { refundedMinor: total });
}

/** To what lies ahead: nothing moves to `pending` or `processing`. */
function moves(
  facts: PaymentFacts,
  status: 'requires_action' | 'succeeded' | 'failed' | 'canceled',
  reason: string,
  failureCode: string | null = null,
): Judgement {
  if (status === facts.status) return dropped('repeat');
  if (isTerminal(facts.status)) return dropped('terminal');
  return { kind: 'moves', status, reason, failureCode };
}

function fails(facts: PaymentFacts, code: string): Judgement {
  return moves(facts, 'failed', code, code);
}

function noted(
  facts: PaymentFacts,
  reason: string,
  change: { refundedMinor?: number; disputedMinor?: number; deadReason?: string | null },
): Judgement {
  const { refundedMinor, disputedMinor, deadReason } = facts;
  return { kind: 'noted', reason, refundedMinor, disputedMinor, deadReason, ...change };
}

function dropped(why: Dropped): Judgement {
  return { kind: 'dropped', why };
}
