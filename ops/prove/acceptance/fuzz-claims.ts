/**
 * What a signed event may do to a payment, read from its bytes by rules of our own: it counts only
 * if it names a charge of this payment, its amount and its currency.
 */
import type { Target } from './fuzz-events.js';
import { parsed } from './fuzz-meaning.js';

type Fields = Readonly<Record<string, unknown>> | null | undefined;

/** What is claimed, in the simulator's words. */
export interface Claim {
  readonly status: string;
  readonly amount: number;
}

const STRIPE_STATUSES: Readonly<Record<string, string>> = {
  'payment_intent.amount_capturable_updated': 'authorized',
  'payment_intent.succeeded': 'captured',
  'payment_intent.payment_failed': 'declined',
  'payment_intent.canceled': 'canceled',
  'payment_intent.requires_action': 'requires_action',
  'charge.refunded': 'refunded',
  'charge.dispute.created': 'disputed',
  'charge.dispute.funds_withdrawn': 'disputed',
};
/** The statuses that a claim may bring a payment to. */
const ENDS: Readonly<Record<string, string>> = {
  captured: 'succeeded',
  declined: 'failed',
  canceled: 'canceled',
};

/** @returns the payment that the event is about and what it claims; undefined when it claims nothing */
export function claimOf(
  provider: Target['provider'],
  body: Buffer,
  targets: ReadonlyMap<string, Target>,
): { readonly target: Target; readonly claim: Claim } | undefined {
  const event = parsed(body) as Fields;
  const data = event?.['data'] as Fields;
  const object = (provider === 'stripe' ? data?.['object'] : data) as Fields;
  const names = (provider === 'stripe' ? object?.['metadata'] : object) as Fields;
  const status = statusOf(provider, event, object);
  const isIntent = textOf(event?.['type']).startsWith('payment_intent.');
  const reference =
    object?.[provider === 'simulator' ? 'reference' : isIntent ? 'id' : 'payment_intent'];
  const isPart = status === 'refunded' || status === 'disputed';
  const isRefund = provider === 'stripe' && status === 'refunded';
  const amount = object?.[isRefund ? 'amount_refunded' : 'amount'];
  if (typeof amount !== 'number') return undefined;
  for (const target of targetsNamed(names, reference, targets)) {
    const isReference = !target.isReferenceKnown || target.reference === reference;
    const isAmount = isPart ? amount <= target.amount : amount === target.amount;
    const isCurrency = textOf(object?.['currency']).toUpperCase() === target.currency;
    if (target.provider === provider && isReference && isAmount && isCurrency)
      return { target, claim: { status, amount } };
  }
  return undefined;
}

/** Where a payment may stand when everything is handled. */
export class Expected {
  readonly statuses: Set<string>;
  readonly refunded = new Set([0]);
  readonly disputed = new Set([0]);
  /** A plain event has ended it. */
  mustEnd = false;
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
    this.statuses = new Set([target.status]);
  }

  add({ status, amount }: Claim, isPlain: boolean): void {
    const end = ENDS[status];
    if (end !== undefined) {
      this.statuses.add(end);
      this.mustEnd ||= isPlain;
    }
    if (status === 'refunded') this.refunded.add(amount);
    if (status === 'disputed') this.disputed.add(amount);
    // Both ends are claimed: the capture may have been reversed.
    if (this.statuses.has('succeeded') && this.statuses.size > 2)
      this.refunded.add(this.#target.amount);
  }

  /** @returns what is wrong about the payment as the API shows it */
  wrong(shown: Fields): string | undefined {
    const { id } = this.#target;
    const { status, refunded_amount, disputed_amount = 0 } = shown ?? {};
    if (!this.statuses.has(String(status)))
      return `${id} reads ${status}; its provider said ${[...this.statuses]}`;
    if (this.mustEnd && status === 'processing') return `${id} is not at its end`;
    if (!this.#mayBe(Number(refunded_amount), this.refunded))
      return `${id} reads refunded ${refunded_amount}`;
    if (!this.#mayBe(Number(disputed_amount), this.disputed))
      return `${id} reads disputed ${disputed_amount}`;
    return undefined;
  }

  /** Stripe names each refund and dispute by an id of its own, so their sums are only bounded. */
  #mayBe(amount: number, claimed: ReadonlySet<number>): boolean {
    const { provider, amount: charged } = this.#target;
    return provider === 'stripe' ? amount >= 0 && amount <= charged : claimed.has(amount);
  }
}

/** An object of an event may have a `toString` that is none. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function statusOf(provider: Target['provider'], event: Fields, object: Fields): string {
  if (provider === 'simulator') return textOf(object?.['status']);
  const type = textOf(event?.['type']);
  return Object.hasOwn(STRIPE_STATUSES, type) ? STRIPE_STATUSES[type]! : '';
}

/** By our names; where these are no names, by the provider's reference. */
function targetsNamed(
  names: Fields,
  reference: unknown,
  targets: ReadonlyMap<string, Target>,
): Target[] {
  const isName = (value: unknown): value is string =>
    typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value);
  const { merchant, checkout_id } = names ?? {};
  if (!isName(merchant) || !isName(checkout_id))
    return [...targets.values()].filter((target) => target.reference === reference);
  const named = merchant === 'default' ? targets.get(checkout_id) : undefined;
  return named === undefined ? [] : [named];
}
