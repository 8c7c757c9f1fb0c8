/**
 * The simulator's books: every charge there ever was, in memory and in an append-only file.
 * A change is in the file, whole, before it is applied and answered, so neither kill -9 nor a
 * full disk loses one. A torn last line was never answered and is dropped.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { writeAllSync } from '../../../engine/util/write-all.js';

export type ChargeStatus = 'captured' | 'declined' | 'authorized' | 'canceled' | 'refunded';

export interface Charge {
  readonly reference: string;
  readonly merchant: string;
  readonly checkout_id: string;
  readonly idempotency_key: string;
  status: ChargeStatus;
  readonly amount: number;
  readonly currency: string;
  readonly payment_method: string;
  readonly failure_code: string | null;
  refunded_amount: number;
  readonly created_at: string;
  /** Where the money was not taken at once. */
  captured_at?: string;
}

export interface Refund {
  readonly refund_reference: string;
  readonly idempotency_key: string;
  readonly reference: string;
  readonly amount: number;
  readonly created_at: string;
}

/** The payer's bank takes money back. */
export interface Dispute {
  readonly dispute_reference: string;
  /** Of the charge. */
  readonly reference: string;
  readonly amount: number;
  readonly created_at: string;
}

type Entry =
  | { type: 'charge'; charge: Charge }
  | { type: 'status'; reference: string; status: ChargeStatus; at?: string }
  | { type: 'refund'; refund: Refund }
  | { type: 'dispute'; dispute: Dispute };

export class Ledger {
  readonly #fd: number;
  /** Bytes of whole lines in the file. */
  #bytes: number;
  #isTorn = false;
  readonly #charges = new Map<string, Charge>();
  /** The newest charge of each key. */
  readonly #byKey = new Map<string, Charge>();
  readonly #byPayment = new Map<string, Charge[]>();
  readonly #refunds = new Map<string, Refund>();
  readonly #disputes: Dispute[] = [];
  /** Disputed sums by the reference of the charge. */
  readonly #disputed = new Map<string, number>();
  captured = 0;
  capturedAmount = 0;
  refundedAmount = 0;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const path = join(dir, 'ledger.jsonl');
    const text = readIfThere(path);
    const end = text.lastIndexOf('\n') + 1;
    for (const line of text.slice(0, end).split('\n')) if (line) this.#apply(JSON.parse(line));
    this.#bytes = Buffer.byteLength(text.slice(0, end));
    if (end < text.length) truncateSync(path, this.#bytes);
    this.#fd = openSync(path, 'a', 0o600);
  }

  get size(): number {
    return this.#charges.size;
  }

  add(charge: Charge): void {
    this.#write({ type: 'charge', charge });
  }

  setStatus(reference: string, status: ChargeStatus): void {
    this.#write({ type: 'status', reference, status, at: new Date().toISOString() });
  }

  refund(refund: Refund): void {
    this.#write({ type: 'refund', refund });
  }

  dispute(dispute: Dispute): void {
    this.#write({ type: 'dispute', dispute });
  }

  disputedOf(reference: string): number {
    return this.#disputed.get(reference) ?? 0;
  }

  refundOfKey(key: string): Refund | undefined {
    return this.#refunds.get(key);
  }

  /** By reference, or the newest of an idempotency key. */
  find(referenceOrKey: string): Charge | undefined {
    return this.#charges.get(referenceOrKey) ?? this.#byKey.get(referenceOrKey);
  }

  of(merchant: string, checkoutId: string): readonly Charge[] {
    return this.#byPayment.get(`${merchant}/${checkoutId}`) ?? [];
  }

  all(): Iterable<Charge> {
    return this.#charges.values();
  }

  refunds(): Iterable<Refund> {
    return this.#refunds.values();
  }

  disputes(): Iterable<Dispute> {
    return this.#disputes;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Throws when the line is not in the file, as on a full disk; then nothing has changed. */
  #write(entry: Entry): void {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    if (this.#isTorn) ftruncateSync(this.#fd, this.#bytes);
    this.#isTorn = true;
    writeAllSync(this.#fd, line);
    this.#isTorn = false;
    this.#bytes += line.length;
    this.#apply(entry);
  }

  #apply(entry: Entry): void {
    if (entry.type === 'charge') this.#addCharge(entry.charge);
    else if (entry.type === 'refund') this.#addRefund(entry.refund);
    else if (entry.type === 'dispute') this.#addDispute(entry.dispute);
    else this.#move(this.#charges.get(entry.reference), entry);
  }

  #addCharge(charge: Charge): void {
    const payment = `${charge.merchant}/${charge.checkout_id}`;
    this.#charges.set(charge.reference, charge);
    this.#byKey.set(charge.idempotency_key, charge);
    const charges = this.#byPayment.get(payment);
    if (charges) charges.push(charge);
    else this.#byPayment.set(payment, [charge]);
    if (charge.status === 'captured') this.#count(charge);
  }

  #move(charge: Charge | undefined, { status, at }: { status: ChargeStatus; at?: string }): void {
    if (!charge) return;
    if (status === 'captured' && charge.status !== 'captured') {
      this.#count(charge);
      if (at !== undefined) charge.captured_at = at;
    }
    charge.status = status;
  }

  #addRefund(refund: Refund): void {
    this.#refunds.set(refund.idempotency_key, refund);
    this.refundedAmount += refund.amount;
    const charge = this.#charges.get(refund.reference);
    if (!charge) return;
    charge.refunded_amount += refund.amount;
    if (charge.refunded_amount === charge.amount) charge.status = 'refunded';
  }

  #addDispute(dispute: Dispute): void {
    this.#disputes.push(dispute);
    const before = this.disputedOf(dispute.reference);
    this.#disputed.set(dispute.reference, before + dispute.amount);
  }

  #count(charge: Charge): void {
    this.captured++;
    this.capturedAmount += charge.amount;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
