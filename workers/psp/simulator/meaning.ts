/**
 * What an answer of the simulator means: status × body → outcome. Pure, and closed: a status
 * and body that stand here in no row are `unknown`.
 *
 * The body must be the simulator's own: a charge, a refund, or an error that carries
 * `"object": "simulator_error"`. Anything else was written by somebody in between, whatever
 * its status says.
 */
import type { Outcome, Problem } from '../port.js';

export type Operation = 'charge' | 'find' | 'cancel' | 'capture' | 'refund';

/** `failureCode`: of a declined charge its own is taken instead. */
export interface Meaning {
  readonly outcome: Outcome;
  readonly problem: Problem | null;
  readonly failureCode: string | null;
}

/** A body by what it was parsed as. `not_found` names what was asked for, else it is foreign. */
export type Shape =
  | { readonly kind: 'charge'; readonly status: ChargeStatus }
  | { readonly kind: 'refund' }
  | { readonly kind: 'declined_charge' }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'foreign' };

export const CHARGE_STATUSES = [
  'captured',
  'refunded',
  'authorized',
  'declined',
  'canceled',
] as const;
export type ChargeStatus = (typeof CHARGE_STATUSES)[number];

const APPROVED: Meaning = { outcome: 'approved', problem: null, failureCode: null };
/** The provider has it and is not done. */
const PENDING: Meaning = { outcome: 'unknown', problem: null, failureCode: null };

function declined(failureCode: string): Meaning {
  return { outcome: 'declined', problem: null, failureCode };
}

function unknown(problem: Problem): Meaning {
  return { outcome: 'unknown', problem, failureCode: null };
}

/** A charge in a 200, 201 or 202, by its status. */
const OF_CHARGE: Readonly<Record<ChargeStatus, Meaning>> = {
  captured: APPROVED,
  refunded: APPROVED,
  authorized: PENDING,
  declined: declined('declined'),
  canceled: declined('canceled'),
};
const OF_CANCELED: Readonly<Record<ChargeStatus, Meaning>> = {
  captured: PENDING,
  refunded: PENDING,
  authorized: PENDING,
  declined: PENDING,
  canceled: APPROVED,
};

/** The simulator's errors, by operation and `status code`; `any` stands for every operation. */
export const OF_ERROR: Readonly<Record<Operation | 'any', Readonly<Record<string, Meaning>>>> = {
  any: {
    '400 idempotency_key_reuse': unknown('key_conflict'),
    '409 idempotency_key_in_use': unknown('key_in_use'),
  },
  charge: { '400 invalid_request': declined('invalid_request') },
  find: { '404 not_found': declined('not_found') },
  cancel: {
    '400 already_captured': declined('already_captured'),
    '400 not_cancelable': declined('not_cancelable'),
    '404 not_found': declined('not_found'),
  },
  capture: {
    '400 not_capturable': declined('not_capturable'),
    '404 not_found': declined('not_found'),
  },
  refund: {
    '400 invalid_request': declined('invalid_request'),
    '400 refund_exceeds_charge': declined('refund_exceeds_charge'),
    '404 not_found': declined('not_found'),
  },
};

export function meaningOf(operation: Operation, status: number, shape: Shape): Meaning {
  const isDone = status === 200 || status === 201 || status === 202;
  switch (shape.kind) {
    case 'charge':
      if (!isDone || operation === 'refund') return unknown('foreign_answer');
      return (operation === 'cancel' ? OF_CANCELED : OF_CHARGE)[shape.status];
    case 'refund':
      return isDone && (operation === 'refund' || operation === 'find')
        ? APPROVED
        : unknown('foreign_answer');
    case 'declined_charge':
      return operation === 'charge' && status === 402
        ? declined('declined')
        : unknown('provider_error');
    case 'error':
      return ofError(operation, status, shape.code);
    case 'foreign':
      return unknown('foreign_answer');
  }
}

/** Only the provider's own 429 proves that nothing was taken. */
function ofError(operation: Operation, status: number, code: string): Meaning {
  if (status === 429) return { outcome: 'not_sent', problem: 'rate_limited', failureCode: null };
  if (status === 401 || status === 403) return unknown('provider_refuses_us');
  const row = `${status} ${code}`;
  return OF_ERROR[operation][row] ?? OF_ERROR.any[row] ?? unknown('provider_error');
}
