/** The fields of each record that is stored or published, named as in schemas/*.avsc. */
import type { PaymentStatusName } from '../domain/payment.js';

export interface CheckoutAccepted {
  fingerprint: Buffer;
  shard: number;
  accepted_at: number;
  merchant: string;
  checkout_id: string;
  amount: number;
  currency: string;
  payment_method: string;
  provider: string;
  description: string | null;
  metadata: Record<string, string>;
}

export interface CommandRequested {
  fingerprint: Buffer;
  shard: number;
  accepted_at: number;
  merchant: string;
  checkout_id: string;
  kind: 'cancel' | 'capture' | 'refund';
  command_key: string;
  amount: number | null;
}

export interface WebhookReceived {
  provider: string;
  event_id: string;
  shard: number;
  received_at: number;
  merchant: string | null;
  checkout_id: string | null;
  body: Buffer;
}

export interface HistoryEntry {
  status: PaymentStatusName;
  at: number;
  reason: string;
}

export interface PaymentStatus {
  version: number;
  /** Of the checkout that this is the status of; null: by id alone, as up to 0.3. */
  fingerprint: Buffer | null;
  shard: number;
  merchant: string;
  checkout_id: string;
  status: PaymentStatusName;
  provider: string;
  provider_reference: string | null;
  failure_code: string | null;
  refunded_amount: number;
  disputed_amount: number;
  next_action: string | null;
  updated_at: number;
  history: HistoryEntry[];
}

export interface DeadLetter {
  reason: string;
  detail: string;
  attempts: number;
  at: number;
  source_topic: string;
  source_partition: number;
  source_offset: number;
  key: Buffer | null;
  value: Buffer | null;
}

export interface RetryTicket {
  merchant: string;
  checkout_id: string;
  asks: number;
  due_at: number;
  provider: string;
  never_sent: boolean;
  accepted_at: number;
  waiting_since: number | null;
  sweep_at: number;
  reason: string;
}
