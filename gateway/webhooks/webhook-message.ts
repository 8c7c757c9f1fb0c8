/** A checked webhook on its way to the store, and its answer: 200 once it is durable. */
import { type WebhookReceived, webhookReceived } from '../../engine/codec/records.js';
import { MessageKind, WriteResult } from '../../engine/journal/messages.js';
import type { Message } from '../checkouts/admission.js';
import type { Problem } from '../http/problem.js';
import { type Reply, send, sendProblem } from '../http/reply.js';

/** Everything of the record but the body, and the key: names are bounded where they are read. */
export const WEBHOOK_OVERHEAD_BYTES = 1_024;

export interface WebhookCounts {
  add(name: 'webhooks' | 'webhook_repeats' | 'webhook_refusals', by: number): void;
}

export class WebhookMessage implements Message {
  readonly kind = MessageKind.webhook;
  readonly key: Buffer;
  readonly valueBytesMax: number;
  readonly #reply: Reply;
  readonly #record: WebhookReceived;
  readonly #counts: WebhookCounts;

  constructor(reply: Reply, record: WebhookReceived, counts: WebhookCounts) {
    this.key = Buffer.from(`${record.provider}/${record.event_id}`, 'latin1');
    this.valueBytesMax = record.body.length + WEBHOOK_OVERHEAD_BYTES - this.key.length;
    this.#reply = reply;
    this.#record = record;
    this.#counts = counts;
  }

  encodeInto(buffer: Buffer, offset: number): number {
    return webhookReceived.encodeInto(this.#record, buffer, offset);
  }

  onWritten(result: number): void {
    this.#reply.run(() => this.#answer(result));
  }

  onRefused(problem: Problem): void {
    this.#counts.add('webhook_refusals', 1);
    sendProblem(this.#reply, problem);
  }

  #answer(result: number): void {
    const isRepeat = result === WriteResult.replayed;
    this.#counts.add(isRepeat ? 'webhook_repeats' : 'webhooks', 1);
    const headers = {
      'Content-Type': 'application/json',
      ...(isRepeat ? { 'Idempotent-Replayed': 'true' } : {}),
    };
    send(this.#reply, '200 OK', headers, '{"received":true}');
  }
}
