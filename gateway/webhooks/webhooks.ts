/**
 * Receives webhooks: checks the caller's address, the signature and the event's shape. Every
 * webhook that passes is stored; a processor decides what it means. The merchant and checkout id
 * in the path only route the request; those in the event count.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { WebhookReceived } from '../../engine/codec/records.js';
import type { GatewayData } from '../../engine/gateway-contract.js';
import type { SharedFlag } from '../../engine/ring/shared-flags.js';
import { AddressList, type Callers } from '../auth/addresses.js';
import type { SecurityRefusals } from '../auth/security-refusals.js';
import type { Admission } from '../checkouts/admission.js';
import { readBody } from '../http/body.js';
import { type Head, isUncoded } from '../http/head.js';
import { bodyTooLarge, PROBLEMS, type Problem } from '../http/problem.js';
import { type Reply, sendProblem } from '../http/reply.js';
import { WEBHOOK_BYTES_MAX } from '../http/schemas.js';
import { parseEvent } from './event-json.js';
import { masked } from './mask-body.js';
import type { Scheme } from './scheme.js';
import { WEBHOOK_OVERHEAD_BYTES, type WebhookCounts, WebhookMessage } from './webhook-message.js';

interface Provider {
  readonly name: string;
  readonly scheme: Scheme;
  readonly secrets: readonly string[];
  readonly addresses: AddressList;
}

export interface WebhooksParts {
  readonly admission: Admission;
  readonly accepting: SharedFlag;
  readonly counts: WebhookCounts;
  readonly callers: Callers;
  readonly refusals: SecurityRefusals;
}

export class Webhooks {
  readonly #parts: WebhooksParts;
  readonly #shard: number;
  readonly #providers: ReadonlyMap<string, Provider>;
  /** 256 KiB, or what a lane takes where lanes are small. */
  readonly bodyBytesMax: number;

  static async open(data: GatewayData, parts: WebhooksParts): Promise<Webhooks> {
    const providers = await Promise.all(
      data.webhookProviders.map(async ({ name, secrets, addresses }) => ({
        name,
        secrets,
        scheme: await schemeOf(name),
        addresses: new AddressList(addresses),
      })),
    );
    return new Webhooks(data, parts, providers);
  }

  private constructor(data: GatewayData, parts: WebhooksParts, providers: readonly Provider[]) {
    this.#parts = parts;
    this.#shard = data.shard;
    this.#providers = new Map(providers.map((provider) => [provider.name, provider]));
    const laneBytes = parts.admission.messageBytesMax - WEBHOOK_OVERHEAD_BYTES;
    this.bodyBytesMax = Math.min(WEBHOOK_BYTES_MAX, laneBytes);
  }

  /** POST to the provider named by the path's first parameter. */
  handle(reply: Reply, req: HttpRequest): void {
    const { admission, counts } = this.#parts;
    const head = reply.takeHead(req);
    const provider = this.#providers.get(req.getParameter(0) ?? '');
    const signature = provider ? req.getHeader(provider.scheme.header) : '';
    const problem = this.#checkHead(reply, head, provider, signature);
    readBody(reply, this.bodyBytesMax, (body) => {
      const checked = problem ?? this.#check(provider!, body, signature);
      if ('code' in checked) return this.#refuse(reply, checked);
      reply.subject = `${checked.provider}/${checked.event_id}`;
      admission.submit(new WebhookMessage(reply, checked, counts));
    });
  }

  /** @returns undefined when the provider is known and may call from there */
  #checkHead(
    reply: Reply,
    head: Head,
    provider: Provider | undefined,
    signature: string,
  ): Problem | undefined {
    if (provider === undefined) return PROBLEMS.notFound;
    if (!provider.addresses.isEmpty) {
      const caller = this.#parts.callers.addressOf(reply.res, head.realIp);
      if (!provider.addresses.has(caller)) return PROBLEMS.addressNotAllowed;
    }
    if (signature === '') return PROBLEMS.signatureMissing;
    if (head.contentEncoding !== '') return PROBLEMS.unsupportedCoding;
    if (!isUncoded(head)) return PROBLEMS.transferCoding;
    if (Number(head.contentLength) > this.bodyBytesMax) return bodyTooLarge(this.bodyBytesMax);
    return this.#parts.accepting.isSet ? undefined : PROBLEMS.unavailable;
  }

  #check(
    provider: Provider,
    body: Buffer | undefined,
    signature: string,
  ): WebhookReceived | Problem {
    if (body === undefined) return bodyTooLarge(this.bodyBytesMax);
    const now = Date.now();
    const verdict = provider.scheme.verify(body, signature, provider.secrets, now);
    if (verdict === 'forged') return PROBLEMS.signatureInvalid;
    if (verdict === 'stale') return PROBLEMS.signatureTooOld;
    const event = parseEvent(body);
    if (event === undefined) return PROBLEMS.invalidJson;
    const identity = provider.scheme.identify(event);
    if (identity === undefined) return PROBLEMS.eventIdInvalid;
    // What a provider sends cannot be sent again: card data is masked, not refused.
    const kept = masked(body, event);
    if (kept.length > this.bodyBytesMax) return bodyTooLarge(this.bodyBytesMax);
    return {
      provider: provider.name,
      event_id: identity.eventId,
      shard: this.#shard,
      received_at: now,
      merchant: identity.merchant,
      checkout_id: identity.checkoutId,
      body: kept,
    };
  }

  #refuse(reply: Reply, problem: Problem): void {
    this.#parts.counts.add('webhook_refusals', 1);
    this.#parts.refusals.note(reply, problem);
    sendProblem(reply, problem);
  }
}

/** Stripe's package is large: only an engine that takes its webhooks loads it. */
async function schemeOf(name: string): Promise<Scheme> {
  if (name === 'stripe') return (await import('./stripe.js')).stripeScheme;
  return (await import('./simulator.js')).simulatorScheme;
}
