/**
 * Parses the simulator's events: the claim is the status in the data, or `disputed` for a dispute.
 */
import { CLAIM_STATUSES, type ClaimStatus } from '../payment/state-machine.js';
import { claim, type Json, type Reading, typeOf } from './event-claim.js';

export function readSimulatorEvent(event: Json): Reading {
  const type = typeOf(event);
  const data = event?.['data'] as Json;
  const status = data?.['status'] as ClaimStatus;
  if (!CLAIM_STATUSES.includes(status)) return { kind: 'other', type };
  return claim(type, status, {
    reference: data?.['reference'],
    amount: data?.['amount'],
    currency: data?.['currency'],
    failureCode: data?.['failure_code'],
  });
}
