/**
 * What rules may put right by themselves: where a report says that a charge was captured, refunded
 * or disputed and we do not know it yet (an unknown outcome, a lost webhook), the provider's
 * word is evidence like any other. It goes through the state machine, which alone decides;
 * what it drops is left to the matching. Each change leaves a healed item behind.
 */
import type pg from 'pg';
import { judge, type PaymentFacts, type WebhookClaim } from '../payment/state-machine.js';
import { healDisputes } from './correct-disputes.js';
import { applyHealings, type Healing } from './corrections.js';
import { TAKEN } from './discrepancies.js';
import { boundsOf, type Scope } from './scope.js';

const FETCH_ROWS = 500;
const REASON = 'reconciliation';

interface Candidate {
  merchant: string;
  checkout_id: string;
  provider: string;
  version: number;
  status: PaymentFacts['status'];
  amount: number;
  currency: string;
  provider_reference: string | null;
  refunded_amount: number;
  disputed_amount: number;
  movement: string;
  reference: string;
  their_amount: number;
  their_currency: string;
  at: Date;
}

const OURS = `p.merchant, p.checkout_id, p.provider, p.version, p.status, p.amount, p.currency,
  p.provider_reference, p.refunded_amount, p.disputed_amount`;
const THEIRS = `l.movement, l.reference, l.amount_minor as their_amount,
  l.currency as their_currency, l.at`;
const IN_SCOPE = `l.source_id = any($1) and l.at >= $2 and l.at < $3`;

/** Captured there, open here: by reference, and by id where we have no reference yet. */
const CAPTURED = `
  select ${OURS}, ${THEIRS} from settlement_lines l join payments p
    on p.provider = l.provider and p.provider_reference = l.reference
  where ${IN_SCOPE} and l.kind = 'charge' and l.status in (${TAKEN})
    and p.status in ('processing', 'requires_action')
  union all
  select ${OURS}, ${THEIRS} from settlement_lines l join payments p
    on p.provider = l.provider and p.merchant = l.merchant and p.checkout_id = l.checkout_id
  where ${IN_SCOPE} and l.kind = 'charge' and l.status in (${TAKEN})
    and p.provider_reference is null and p.status in ('processing', 'requires_action')`;

/** One row a payment: all that its provider has refunded by now. */
const REFUNDED = `
  with reported as (
    select l.provider, l.reference, l.movement, min(l.amount_minor) as amount_minor,
      min(l.currency) as currency, max(l.at) as at
    from settlement_lines l where ${IN_SCOPE} and l.kind = 'refund'
      and not exists (select 1 from settled_movements s
        where s.provider = l.provider and s.movement = l.movement)
    group by l.provider, l.reference, l.movement)
  select ${OURS}, 'refund:' || r.reference as movement, r.reference,
    least(-sum(r.amount_minor) - coalesce((select sum(s.amount_minor) from settled_movements s
      where s.kind = 'refund' and s.merchant = p.merchant and s.checkout_id = p.checkout_id), 0),
      ${Number.MAX_SAFE_INTEGER})::bigint as their_amount,
    min(r.currency) as their_currency, max(r.at) as at
  from reported r join payments p on p.provider = r.provider and p.provider_reference = r.reference
  where p.status = 'succeeded'
  group by p.merchant, p.checkout_id, r.reference
  having -sum(r.amount_minor) > 0`;

const COLUMNS = `merchant text, checkout_id text, provider text, version int, status text,
  amount bigint, currency text, provider_reference text, refunded_amount bigint,
  disputed_amount bigint, movement text, reference text, their_amount bigint, their_currency text,
  at timestamptz`;

/** @returns how many payments were put right */
export async function heal(client: pg.Client, runId: number, scope: Scope): Promise<number> {
  const captured = await healAll(client, runId, scope, CAPTURED, 'captured');
  const refunded = await healAll(client, runId, scope, REFUNDED, 'refunded');
  return captured + refunded + (await healDisputes(client, runId, scope));
}

/** The candidates are collected first: putting one right would take it out of the query. */
async function healAll(
  client: pg.Client,
  runId: number,
  scope: Scope,
  candidates: string,
  claimed: 'captured' | 'refunded',
): Promise<number> {
  await client.query(`drop table if exists candidates; create temp table candidates (${COLUMNS})`);
  await client.query(`insert into candidates ${candidates}`, boundsOf(scope));
  let healed = 0;
  for (;;) {
    const { rows } = await client.query<Candidate>(
      `delete from candidates where ctid = any(array(
         select ctid from candidates limit ${FETCH_ROWS})) returning *`,
    );
    if (rows.length === 0) return healed;
    const healings = rows
      .map((row) => healingOf(row, claimed))
      .filter((healing) => healing !== undefined);
    healed += await applyHealings(client, runId, healings);
  }
}

/** @returns undefined when the state machine does not take the report's word */
function healingOf(candidate: Candidate, claimed: 'captured' | 'refunded'): Healing | undefined {
  const facts: PaymentFacts = {
    status: candidate.status,
    amountMinor: candidate.amount,
    currency: candidate.currency,
    refundedMinor: candidate.refunded_amount,
    disputedMinor: candidate.disputed_amount,
    reference: candidate.provider_reference,
    wasNeverSent: false,
    deadReason: null,
  };
  const claim: WebhookClaim = {
    type: REASON,
    status: claimed,
    reference: candidate.reference,
    amountMinor: candidate.their_amount,
    currency: candidate.their_currency,
    failureCode: null,
  };
  const judgement = judge(facts, { kind: 'webhook', claim });
  if (judgement.kind !== 'moves' && judgement.kind !== 'noted') return undefined;
  const isMove = judgement.kind === 'moves';
  return {
    merchant: candidate.merchant,
    checkout_id: candidate.checkout_id,
    version: candidate.version,
    status: isMove ? judgement.status : candidate.status,
    refunded: isMove ? candidate.refunded_amount : judgement.refundedMinor,
    disputed: candidate.disputed_amount,
    reason: judgement.reason,
    provider: candidate.provider,
    reference: candidate.reference,
    subject: candidate.movement,
    kind: claimed === 'captured' ? 'status_differs' : 'missing_inside',
    at: candidate.at.toISOString(),
    theirs: { reference: candidate.reference, status: claimed, amount: candidate.their_amount },
    part_id: null,
    part_amount: 0,
    part_state: 'noted',
  };
}
