/**
 * Signed events of the simulator and of Stripe, and odd ones under a right signature: every type
 * and status, other payments' names, huge amounts, any JSON in any place, bytes that are no JSON.
 */
import { createHmac } from 'node:crypto';
import { PAYMENT_STATUSES } from '../../../engine/domain/payment.js';
import { CLAIM_STATUSES } from '../../../workers/payment/state-machine.js';
import { type Members, textOfMembers } from './fuzz-bodies.js';
import { bytesOf, documentOf, jsonOf, memberOf, nameOf, numberOf, quote } from './fuzz-grammar.js';
import type { Random } from './fuzz-random.js';

/** A payment that events are about. */
export interface Target {
  readonly id: string;
  readonly provider: 'simulator' | 'stripe';
  /** The provider's; of a payment whose provider has not answered, any. */
  readonly reference: string;
  readonly isReferenceKnown: boolean;
  readonly amount: number;
  readonly currency: string;
  readonly status: 'processing' | 'succeeded';
}

export interface EventCase {
  readonly provider: Target['provider'];
  readonly path: string;
  readonly body: Buffer;
  readonly signature: string;
  /** The signature is right and new. */
  readonly isSigned: boolean;
  /** Nothing about it is odd. */
  readonly isPlain: boolean;
}

/** Those that end a payment come seldom, so that most events meet one that is not at its end. */
const STATUSES = [
  ...CLAIM_STATUSES,
  ...CLAIM_STATUSES.filter((status) => !['captured', 'declined', 'canceled'].includes(status)),
  ...PAYMENT_STATUSES,
  ...['expired', 'refund', 'CAPTURED', ''],
];
const STRIPE_TYPES = [
  'payment_intent.amount_capturable_updated',
  'payment_intent.succeeded',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'payment_intent.requires_action',
  'payment_intent.processing',
  'payment_intent.created',
  'charge.refunded',
  'charge.refund.updated',
  'charge.succeeded',
  'charge.dispute.created',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'customer.created',
];
const HUGE_BYTES = [70_000, 262_144, 262_145, 300_000];

export interface Secrets {
  readonly simulator: string;
  readonly stripe: string;
}

export function eventCase(
  random: Random,
  n: number,
  targets: readonly Target[],
  secrets: Secrets,
): EventCase {
  const target = random.pick(targets);
  const other = random.pick(targets);
  const { provider } = target;
  const isPlain = random.chance(15);
  const event = provider === 'simulator' ? simulatorEvent : stripeEvent;
  const text = event(random, `evt_fz_${n}`, target, isPlain ? undefined : other);
  const body = isPlain ? Buffer.from(text) : oddBytes(random, text);
  const isSigned = isPlain || random.chance(92);
  const ids = random.pick(['', '', `/default/${target.id}`, `/default/${other.id}`, '/x/y']);
  return {
    ...{ provider, body, isSigned, isPlain, path: `/webhooks/psp/${provider}${ids}` },
    signature: isSigned
      ? signatureOf(body, secrets[provider], Date.now())
      : wrongSignature(random, body, secrets[provider]),
  };
}

/** @param other whose names and reference an odd event mixes in; undefined: a plain event */
function simulatorEvent(random: Random, id: string, target: Target, other?: Target): string {
  const status = random.pick(STATUSES);
  const data: Members = [
    ['merchant', '"default"'],
    ['checkout_id', quoted(target.id)],
    ['reference', quoted(target.reference)],
    ['status', quoted(status)],
    ['amount', amountOf(random, target, status)],
    ['currency', quoted(target.currency)],
  ];
  if (status === 'declined') data.push(['failure_code', '"card_declined"']);
  const event: Members = [
    ['id', quoted(id)],
    ['type', quoted(`charge.${status}`)],
    ['created_at', quoted(new Date().toISOString())],
  ];
  if (other !== undefined) mutate(random, data, event, other);
  event.push(['data', textOfMembers(random, data)]);
  if (other !== undefined && random.chance(10)) oddMember(random, event);
  return textOfMembers(random, event);
}

function stripeEvent(random: Random, id: string, target: Target, other?: Target): string {
  const type = random.pick(STRIPE_TYPES);
  const isIntent = type.startsWith('payment_intent.');
  const amount = amountOf(random, target, isIntent ? '' : 'refunded');
  const object: Members = [
    ['id', quoted(isIntent ? target.reference : 'ch_fuzz')],
    ['object', isIntent ? '"payment_intent"' : '"charge"'],
    ['payment_intent', quoted(target.reference)],
    ['amount', amount],
    ['amount_refunded', amount],
    ['currency', quoted(target.currency.toLowerCase())],
    ['status', quoted(random.pick(STATUSES))],
    ['last_payment_error', random.chance(50) ? 'null' : '{"code":"card_declined"}'],
  ];
  const metadata: Members = [
    ['merchant', '"default"'],
    ['checkout_id', quoted(target.id)],
  ];
  const event: Members = [
    ['id', quoted(id)],
    ['object', '"event"'],
    ['type', quoted(type)],
    ['created', `${Math.floor(Date.now() / 1_000)}`],
  ];
  if (other !== undefined) mutate(random, random.chance(30) ? metadata : object, event, other);
  object.push(['metadata', textOfMembers(random, metadata)]);
  const data: Members = [['object', textOfMembers(random, object)]];
  if (other !== undefined && random.chance(10)) oddMember(random, data);
  event.push(['data', textOfMembers(random, data)]);
  return textOfMembers(random, event);
}

function amountOf(random: Random, { amount }: Target, status: string): string {
  const isPart = status === 'refunded' || status === 'disputed';
  return `${isPart ? 1 + random.below(amount) : amount}`;
}

/** One or two odd places. */
function mutate(random: Random, data: Members, event: Members, other: Target): void {
  for (let count = random.below(3); count > 0; count--)
    random.oneOf<void>([
      [10, () => oddMember(random, data)],
      [4, () => oddMember(random, event)],
      [3, () => setAll(data, /amount/, () => numberOf(random))],
      [2, () => setAll(data, /^checkout_id$/, () => quoted(other.id))],
      [2, () => setAll(data, /^reference$|^id$|^payment_intent$/, () => quoted(other.reference))],
      [2, () => setAll(data, /^merchant$/, () => random.pick(['"alpha"', '"default "', '""']))],
      [2, () => setAll(data, /^currency$/, () => random.pick(['"EUR"', '"usd"', '"US"', '""']))],
      [2, () => setAll(event, /^type$/, () => quote(random, nameOf(random)))],
    ]);
}

function oddMember(random: Random, members: Members): void {
  const at = random.below(members.length);
  const [name, value] = members[at]!;
  random.oneOf<void>([
    [10, () => void members.splice(at, 1, [name, jsonOf(random)])],
    [3, () => void (members.length > 1 && members.splice(at, 1))],
    [3, () => void members.push([name, random.chance(50) ? value : jsonOf(random)])],
    [2, () => void members.splice(at, 1, [nameOf(random), value])],
    [2, () => void members.push([nameOf(random), jsonOf(random)])],
  ]);
}

function setAll(members: Members, names: RegExp, valueText: () => string): void {
  for (const [at, [name]] of members.entries())
    if (names.test(name)) members[at] = [name, valueText()];
}

function oddBytes(random: Random, text: string): Buffer {
  return random.oneOf<Buffer>([
    [86, () => bytesOf(random, text, 3)],
    [5, () => bytesOf(random, documentOf(random), 10)],
    [2, () => Buffer.alloc(0)],
    [2, () => Buffer.from(`\ufeff${text}`)],
    [2, () => Buffer.from(`[${text}]`)],
    [2, () => Buffer.from(`{${memberOf(random)},${text.slice(1)}`)],
    [1, () => Buffer.from(text.padEnd(random.pick(HUGE_BYTES)))],
  ]);
}

/** Of both schemes: HMAC-SHA256 over `t.body`. */
function signatureOf(body: Buffer, secret: string, nowMs: number): string {
  const t = Math.floor(nowMs / 1_000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex')}`;
}

function wrongSignature(random: Random, body: Buffer, secret: string): string {
  const right = signatureOf(body, secret, Date.now());
  return random.pick([
    signatureOf(body, secret, Date.now() - 400_000),
    signatureOf(body, secret, Date.now() + 400_000),
    signatureOf(body, `${secret}x`, Date.now()),
    signatureOf(Buffer.concat([body, Buffer.from(' ')]), secret, Date.now()),
    right.slice(0, -1),
    right.toUpperCase(),
    right.replace('t=1', 't=2'),
    't=1,v1=',
    ',,,=',
    't=9e9,v1=zz',
    'a'.repeat(2_000),
  ]);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
