/**
 * What evidence does to a payment: pure, and the only place that decides a status.
 * Forward only; a terminal status never changes.
 */
import { isTerminal, type PaymentStatusName } from '../../engine/core/payment.js';
import type { PspAnswer } from '../psp/port.js';

export interface Transition {
  readonly status: PaymentStatusName;
  readonly reason: string;
}

/** @returns undefined when the answer changes nothing */
export function afterCharge(from: PaymentStatusName, answer: PspAnswer): Transition | undefined {
  if (isTerminal(from)) return undefined;
  switch (answer.outcome) {
    case 'approved':
      return { status: 'succeeded', reason: 'approved' };
    case 'declined':
      return { status: 'failed', reason: answer.failureCode ?? 'declined' };
    case 'unknown':
      return answer.nextAction !== null && from === 'processing'
        ? { status: 'requires_action', reason: 'requires_action' }
        : undefined;
    case 'not_sent':
      return undefined;
  }
}
