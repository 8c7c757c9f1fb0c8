/**
 * A dispute that only a report knows is evidence like a webhook: it goes through the state
 * machine, is booked by compare-and-set and leaves a healed item. A report names each dispute, so
 * it is recorded as a part: a webhook about the same one, earlier or later, books nothing more.
 * A reported amount that is not the known one changes nothing and is left to the matching.
 */
import type pg from 'pg';
import { paymentKey } from '../../engine/domain/payment.js';
import type { WebhookClaim } from '../payment/state-machine.js';
import { type FoundPayment, findPayments } from '../postgres/webhook-payments.js';
import { judgementOf } from '../webhooks/webhook-processor.js';
import { applyHealings, type Healing, type HealingPart, recordParts } from './corrections.js';
import { boundsOf, type Scope } from './scope.js';

const FETCH_ROWS = 500;
const REASON = 'reconciliation';

interface Candidate {
  readonly merchant: string;
  readonly checkout_id: string;
  readonly provider: string;
  readonly reference: string;
  readonly dispute: string;
  /** The money came back. */
  readonly is_back: boolean;
  readonly amount: number;
  readonly currency: string;
  readonly at: Date;
}

/** What the report says of a dispute and its part does not yet: once per dispute. */
const CANDIDATES = `
drop table if exists dispute_candidates;
create temp table dispute_candidates (merchant text, checkout_id text, provider text, reference text,
  dispute text, is_back boolean, amount bigint, currency text, at timestamptz)`;
const COLLECT = `
insert into dispute_candidates
select p.merchant, p.checkout_id, l.provider, l.reference, l.dispute,
  bool_or(l.amount_minor > 0) and count(distinct abs(l.amount_minor)) = 1,
  coalesce(max(-l.amount_minor) filter (where l.amount_minor < 0), max(l.amount_minor)),
  min(l.currency), max(l.at)
from settlement_lines l
join payments p on p.provider = l.provider and p.provider_reference = l.reference
left join payment_parts t
  on t.provider = l.provider and t.kind = 'disputed' and t.part_id = l.dispute
where l.source_id = any($1) and l.at >= $2 and l.at < $3 and l.kind = 'dispute'
  and p.status = 'succeeded' and l.amount_minor <> 0
  and (t.state is null or (t.amount = abs(l.amount_minor)
    and (t.state = 'noted' or (t.state = 'taken' and l.amount_minor > 0))))
group by p.merchant, p.checkout_id, l.provider, l.reference, l.dispute`;

/** One dispute per payment at a time: each is judged by what the one before has left. */
const NEXT = `
delete from dispute_candidates where ctid = any(array(
  select distinct on (merchant, checkout_id) ctid from dispute_candidates
  order by merchant, checkout_id, at, dispute limit ${FETCH_ROWS})) returning *`;

/** @returns how many payments were put right */
export async function healDisputes(
  client: pg.Client,
  runId: number,
  scope: Scope,
): Promise<number> {
  await client.query(CANDIDATES);
  await client.query(COLLECT, boundsOf(scope));
  let healed = 0;
  for (;;) {
    const { rows } = await client.query<Candidate>(NEXT);
    if (rows.length === 0) return healed;
    healed += await healBatch(client, runId, rows);
  }
}

async function healBatch(
  client: pg.Client,
  runId: number,
  candidates: readonly Candidate[],
): Promise<number> {
  const payments = await findPayments(client, candidates.map(questionOf));
  const healings: Healing[] = [];
  const known: HealingPart[] = [];
  for (const [i, candidate] of candidates.entries()) {
    const payment = payments[i];
    if (payment === undefined) continue;
    const judgement = judgementOf(payment, candidate.provider, claimOf(candidate));
    if (judgement.kind === 'noted')
      healings.push(healingOf(candidate, payment, judgement.disputedMinor));
    // Counted already, by webhooks that name sums only; or taken and given back.
    else if (judgement.kind === 'dropped' && judgement.why === 'same_total')
      known.push(partOf(candidate));
  }
  await recordParts(client, known);
  return applyHealings(client, runId, healings);
}

function questionOf(candidate: Candidate) {
  return {
    key: paymentKey(candidate.merchant, candidate.checkout_id),
    provider: candidate.provider,
    merchant: candidate.merchant,
    checkout_id: candidate.checkout_id,
    reference: candidate.reference,
    part_kind: 'disputed' as const,
    part_id: candidate.dispute,
  };
}

function claimOf(candidate: Candidate): WebhookClaim {
  return {
    type: REASON,
    status: 'disputed',
    reference: candidate.reference,
    amountMinor: candidate.amount,
    currency: candidate.currency,
    failureCode: null,
    part: { id: candidate.dispute, state: candidate.is_back ? 'void' : 'taken' },
  };
}

function partOf(candidate: Candidate): HealingPart {
  return {
    provider: candidate.provider,
    part_id: candidate.dispute,
    merchant: candidate.merchant,
    checkout_id: candidate.checkout_id,
    part_amount: candidate.amount,
    part_state: candidate.is_back ? 'void' : 'taken',
  };
}

function healingOf(candidate: Candidate, payment: FoundPayment, disputed: number): Healing {
  const { reference, dispute, amount, is_back } = candidate;
  return {
    ...partOf(candidate),
    version: payment.version,
    status: payment.status,
    refunded: payment.refunded_amount,
    disputed,
    reason: REASON,
    reference,
    subject: `dispute:${dispute}${is_back ? '/reinstated' : ''}`,
    kind: 'missing_inside',
    at: candidate.at.toISOString(),
    theirs: { reference, dispute, status: is_back ? 'reinstated' : 'disputed', amount },
  };
}
