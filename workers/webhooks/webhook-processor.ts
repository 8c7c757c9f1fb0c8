/**
 * Processes one webhook: parses it, finds its payment, applies it through the state machine, and
 * records the result. A webhook may arrive before the call that caused it has returned, twice,
 * late, or for an unknown payment.
 */
import { type WebhookReceived, webhookReceived } from '../../engine/codec/records.js';
import { paymentKey } from '../../engine/domain/payment.js';
import type { KnownParts } from '../payment/partial-amounts.js';
import {
  type Dropped,
  type Judgement,
  judge,
  type WebhookClaim,
} from '../payment/state-machine.js';
import type { Batcher } from '../postgres/batcher.js';
import type { FoundPayment, WebhookQuestion } from '../postgres/webhook-payments.js';
import type { PartRow, PaymentChange, VerdictRow } from '../postgres/webhook-results.js';
import type { TaskResult, WebhookSettings, WebhookSource } from '../tasks.js';
import { readWebhook } from './webhook-parser.js';

const RETRY_MS_MAX = 300_000;
/** A claim that contradicts what we sent: nobody believes it, somebody must look at it. */
const CONTRADICTIONS: readonly (Dropped | 'other_provider')[] = [
  'other_provider',
  'other_reference',
  'other_amount',
];

export interface WebhookJudgeParts {
  readonly settings: WebhookSettings;
  readonly payments: Batcher<WebhookQuestion, FoundPayment | undefined>;
  readonly verdicts: Batcher<VerdictRow, boolean>;
}

export class WebhookJudge {
  readonly #parts: WebhookJudgeParts;

  constructor(parts: WebhookJudgeParts) {
    this.#parts = parts;
  }

  /** A record of `payments.webhooks`. Throws EngineError `undecodable`. */
  async received(value: Uint8Array, source: WebhookSource): Promise<TaskResult> {
    const record = webhookReceived.decode(Buffer.from(value));
    const reading = readWebhook(record);
    if (reading.kind === 'malformed') return dead('malformed_webhook', reading.detail, source);
    if (reading.kind === 'other') {
      await this.#parts.verdicts.add({ ...rowOf(record, reading.type), state: 'other' });
      return done('other');
    }
    for (;;) {
      const result = await this.#judge(record, value, reading.claim, source);
      if (result !== 'overtaken') return result;
    }
  }

  /** @returns `overtaken` when somebody changed the payment meanwhile: judge again */
  async #judge(
    record: WebhookReceived,
    value: Uint8Array,
    claim: WebhookClaim,
    source: WebhookSource,
  ): Promise<TaskResult | 'overtaken'> {
    const { payments, verdicts } = this.#parts;
    const payment = await payments.add({
      key: `${record.provider}/${record.event_id}`,
      provider: record.provider,
      merchant: record.merchant,
      checkout_id: record.checkout_id,
      reference: claim.reference,
      part_kind: kindOf(claim),
      part_id: claim.part?.id ?? null,
    });
    if (payment === undefined) return this.#keep(record, value, claim, source, 'unknown_payment');
    const row = rowOf(record, claim.type, payment);
    const judgement = judgementOf(payment, record.provider, claim);
    switch (judgement.kind) {
      case 'early':
        return this.#keep(record, value, claim, source, 'early', payment);
      case 'dropped': {
        const { why } = judgement;
        const late_capture = isLateCapture(payment, claim, why) ? claim.reference : null;
        const part = why === 'same_total' ? partOf(claim) : null;
        await verdicts.add({ ...row, state: 'dropped', reason: why, late_capture, part });
        if (!CONTRADICTIONS.includes(why)) return done(why);
        return dead(`webhook_${why}`, detailOf(payment, claim), source);
      }
      case 'moves':
      case 'noted': {
        const change = changeOf(payment, claim, judgement);
        const applied = { ...row, state: 'applied' as const, change, part: partOf(claim) };
        if (!(await verdicts.add(applied))) return 'overtaken';
        return done(judgement.kind === 'moves' ? judgement.status : judgement.reason);
      }
    }
  }

  /** Kept in Postgres and judged again, until it is given up. */
  async #keep(
    record: WebhookReceived,
    value: Uint8Array,
    claim: WebhookClaim,
    source: WebhookSource,
    reason: string,
    payment?: FoundPayment,
  ): Promise<TaskResult> {
    const { webhookRetryMs, webhookGiveUpMs } = this.#parts.settings;
    if (source.tries > 0 && waitedMs(source.tries, webhookRetryMs) >= webhookGiveUpMs)
      return dead(reason, `${claim.type} of ${claim.reference}`, source);
    const wait = {
      record: Buffer.from(value).toString('hex'),
      source_partition: source.partition,
      source_offset: source.offset,
      tries: source.tries,
      try_after_ms: delayMs(source.tries, webhookRetryMs),
    };
    const row = rowOf(record, claim.type, payment);
    await this.#parts.verdicts.add({ ...row, state: 'waiting', reason, wait });
    return done('waiting');
  }
}

function delayMs(tries: number, firstMs: number): number {
  return Math.min(firstMs * 2 ** Math.min(tries, 20), RETRY_MS_MAX);
}

/** How long it has waited at least, by its tries: no clock of an engine or a processor decides. */
function waitedMs(tries: number, firstMs: number): number {
  let ms = 0;
  for (let i = 0; i < tries && ms < Number.MAX_SAFE_INTEGER; i++) ms += delayMs(i, firstMs);
  return ms;
}

function kindOf({ status }: WebhookClaim): 'refunded' | 'disputed' | null {
  return status === 'refunded' || status === 'disputed' ? status : null;
}

function partOf(claim: WebhookClaim): PartRow | null {
  const kind = kindOf(claim);
  if (kind === null || claim.part === undefined) return null;
  const { id, state } = claim.part;
  return { kind, part_id: id, part_state: state, part_amount: claim.amountMinor };
}

function partsOf(payment: FoundPayment): KnownParts {
  const { parts_taken, parts_void, part_state, part_amount } = payment;
  const known = part_state === null ? null : { state: part_state, amountMinor: part_amount ?? 0 };
  return { takenMinor: parts_taken, voidMinor: parts_void, known };
}

/** The provider is asked before it is believed: see `LateCaptures`. */
function isLateCapture(payment: FoundPayment, claim: WebhookClaim, why: string): boolean {
  if (claim.status !== 'captured') return false;
  if (why === 'other_reference' || why === 'other_provider') return true;
  return why === 'terminal' && payment.status !== 'succeeded';
}

/** Of a claim by a provider, also one that its report makes. */
export function judgementOf(
  payment: FoundPayment,
  provider: string,
  claim: WebhookClaim,
): Judgement | { kind: 'dropped'; why: 'other_provider' } {
  if (payment.is_late_capture) return { kind: 'dropped', why: 'late_capture' };
  if (payment.provider !== provider) return { kind: 'dropped', why: 'other_provider' };
  // A yes counts from any attempt; a no may be about the attempt before this one.
  const isNo = claim.status === 'declined' || claim.status === 'canceled';
  if (isNo && payment.attempt > 1 && payment.provider_reference === null)
    return { kind: 'dropped', why: 'proves_nothing' };
  const facts = {
    status: payment.status,
    amountMinor: payment.amount,
    currency: payment.currency,
    refundedMinor: payment.refunded_amount,
    disputedMinor: payment.disputed_amount,
    reference: payment.provider_reference,
    wasNeverSent: payment.was_never_sent,
    deadReason: null,
    parts: partsOf(payment),
  };
  return judge(facts, { kind: 'webhook', claim });
}

function changeOf(
  payment: FoundPayment,
  claim: WebhookClaim,
  judgement: Extract<Judgement, { kind: 'moves' | 'noted' }>,
): PaymentChange {
  const common = {
    version: payment.version,
    event_reason: judgement.reason,
    reference: claim.reference,
  };
  if (judgement.kind === 'moves') {
    const { status, failureCode } = judgement;
    return { ...common, status, failure_code: failureCode, refunded_more: 0, disputed_more: 0 };
  }
  return {
    ...common,
    status: null,
    failure_code: null,
    refunded_more: judgement.refundedMinor - payment.refunded_amount,
    disputed_more: judgement.disputedMinor - payment.disputed_amount,
  };
}

function rowOf(record: WebhookReceived, type: string, payment?: FoundPayment): VerdictRow {
  const { merchant, checkout_id } = payment ?? record;
  const { provider, event_id } = record;
  return {
    key: merchant && checkout_id ? paymentKey(merchant, checkout_id) : `${provider}/${event_id}`,
    provider,
    event_id,
    merchant,
    checkout_id,
    type,
    state: 'other',
    reason: null,
    received_ms: record.received_at,
    change: null,
    late_capture: null,
    part: null,
    wait: null,
  };
}

function detailOf(payment: FoundPayment, claim: WebhookClaim): string {
  const ours = `${payment.provider} ${payment.provider_reference} ${payment.amount} ${payment.currency}`;
  const theirs = `${claim.type} ${claim.reference} ${claim.amountMinor} ${claim.currency}`;
  return `ours: ${ours}; claimed: ${theirs}`;
}

function done(outcome: string): TaskResult {
  return { kind: 'done', outcome: `webhook_${outcome.replace(/\W/g, '_')}` };
}

/** The letter holds the record itself. */
function dead(reason: string, detail: string, source: WebhookSource): TaskResult {
  return { kind: 'dead', reason, detail, attempts: source.tries + 1, value: null, payment: null };
}
