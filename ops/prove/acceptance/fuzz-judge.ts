/**
 * Whether an answer is one of those that the API documents for the bytes that were sent: 202 only
 * for what the contract allows, else a problem of the catalogue, or an answer of the HTTP library
 * that RAW_ANSWERS allows for this input.
 */
import {
  bodyTooLarge,
  invalidBody,
  methodNotAllowed,
  PROBLEMS,
  type Problem,
} from '../../../gateway/http/problem.js';
import { type Meaning, meaningOf } from './fuzz-meaning.js';
import type { Message } from './fuzz-message.js';
import { isAnswer, type WireAnswer, type WireResult } from './fuzz-wire.js';
import { LOST_BYTES, type RawKind } from './raw-answers.js';

/** The statuses of each code of the catalogue. */
const CATALOGUE = new Map<string, Set<number>>();
const withText: readonly Problem[] = [bodyTooLarge(0), methodNotAllowed(''), invalidBody([])];
for (const { code, status } of [...Object.values(PROBLEMS), ...withText])
  CATALOGUE.set(code, (CATALOGUE.get(code) ?? new Set()).add(Number(status.slice(0, 3))));

/** Begins the id of a case's own payment. */
export const CASE_ID = 'fz-';
const JSON_TYPE = 'application/json';
const CHECKOUT_ID = /^[A-Za-z0-9_-]{1,64}$/;
/** The fields of a request that leaves no reason to refuse its head. */
const PLAIN_FIELDS = ['host', 'x-payment-checkout-id', 'content-type', 'content-length'];

/** @returns why the answer is wrong, or undefined */
export function wrongAnswer(
  message: Message | undefined,
  result: WireResult,
  raw: ReadonlySet<RawKind>,
): string | undefined {
  if (!isAnswer(result)) return raw.has(result) ? undefined : `no answer: ${result}`;
  const { status, headers } = result;
  if (headers.get('content-type') === undefined && raw.has(status as RawKind)) return undefined;
  if (status === 202) return wrongAcceptance(message, result);
  const wrong = status < 400 ? wrongSuccess(message, result) : wrongProblem(message, result);
  if (wrong !== undefined) return wrong;
  return isBusy(result) || raw.size > 0 ? undefined : wrongRefusal(message, result);
}

/** Full, or not ready: a documented answer to any request. */
export function isBusy({ status }: WireAnswer): boolean {
  return status === 503;
}

/** What a request to create a payment means; undefined when it is none or must be refused. */
export function checkoutOf(
  message: Message | undefined,
): { readonly id: string; readonly meaning: Meaning } | undefined {
  if (message?.method !== 'POST' || message.path !== '/payments') return undefined;
  const [value, ...others] = message.values('x-payment-checkout-id');
  const id = value?.replace(LOST_BYTES, '');
  if (id === undefined || others.length > 0 || !CHECKOUT_ID.test(id)) return undefined;
  const [type = '', ...types] = message.values('content-type');
  if (types.length > 0 || type.split(';')[0]!.trim().toLowerCase() !== JSON_TYPE) return undefined;
  const meaning = message.body && meaningOf(message.body, id);
  return meaning && { id, meaning };
}

/** An accepted payment's fields, as the 202 and the GET show them. */
export function wrongFields(body: Buffer, id: string, meaning: Meaning): string | undefined {
  const shown = jsonOf(body);
  const { amount, currency, payment_method } = meaning;
  const expected = { payment_checkout_id: id, amount, currency, payment_method };
  for (const [name, value] of Object.entries({ object: 'payment', ...expected }))
    if (shown?.[name] !== value) return `${name} is ${shown?.[name]} instead of ${value}`;
  return undefined;
}

function wrongAcceptance(message: Message | undefined, answer: WireAnswer): string | undefined {
  // Where the framing is not clear, neither is what was accepted.
  if (message?.body === undefined) return undefined;
  const checkout = checkoutOf(message);
  if (checkout === undefined) return '202 for a request that must be refused';
  const { id, meaning } = checkout;
  const { provider, status } = jsonOf(answer.body) ?? {};
  if (status !== 'pending' || provider !== meaning.provider)
    return `202 with status ${status} and provider ${provider}`;
  if (answer.headers.get('location') !== `/payments/${id}`) return '202 without Location';
  return wrongFields(answer.body, id, meaning);
}

function wrongSuccess(message: Message | undefined, answer: WireAnswer): string | undefined {
  const { status } = answer;
  const { method = '', path = '' } = message ?? {};
  const isRead = method === 'GET' || method === 'HEAD';
  if (isRead && status === 304) return undefined;
  if (method === 'OPTIONS' && answer.headers.has('allow')) return undefined;
  if (method === 'POST' && path.startsWith('/webhooks/psp/') && status === 200) return undefined;
  if (!isRead || status !== 200 || !path.startsWith('/payments/')) return `unexpected ${status}`;
  if (method === 'HEAD') return undefined;
  const id = jsonOf(answer.body)?.['payment_checkout_id'];
  return id === path.slice('/payments/'.length) ? undefined : `a read of ${path} shows ${id}`;
}

function wrongProblem(message: Message | undefined, answer: WireAnswer): string | undefined {
  const { status, headers, body } = answer;
  if (headers.get('content-type') !== 'application/problem+json')
    return `${status} without a problem document: ${body.toString('latin1', 0, 100)}`;
  if (headers.has('retry-after') !== (status === 503)) return `${status}, Retry-After is wrong`;
  if (status === 405 && !headers.has('allow')) return '405 without Allow';
  if (status >= 500 && status !== 503) return `${status}: ${body}`;
  if (message?.method === 'HEAD') return undefined;
  const problem = jsonOf(body);
  const code = String(problem?.['code']);
  if (!CATALOGUE.get(code)?.has(status)) return `${status} with the code ${code}`;
  if (problem?.['status'] !== status) return `${status} with the status ${problem?.['status']}`;
  for (const name of ['type', 'title', 'detail', 'instance'])
    if (typeof problem[name] !== 'string') return `${status} ${code} without ${name}`;
  if (code === 'invalid_request' && !Array.isArray(problem['errors']))
    return 'invalid_request without errors';
  return undefined;
}

/** A request that the contract allows, in a plain head, is refused. */
function wrongRefusal(message: Message | undefined, answer: WireAnswer): string | undefined {
  const checkout = checkoutOf(message);
  if (!checkout?.meaning.isSure) return undefined;
  const names = message!.fieldLines.map((line) => line.split(':')[0]!.toLowerCase());
  const isPlain =
    names.length === new Set(names).size && names.every((name) => PLAIN_FIELDS.includes(name));
  const code = jsonOf(answer.body)?.['code'];
  // Long random numbers look like card numbers now and then.
  if (!isPlain || code === 'card_data_refused' || answer.status < 400) return undefined;
  // An id that a random header gave may have been given before.
  if (code === 'idempotency_key_reuse' && !checkout.id.startsWith(CASE_ID)) return undefined;
  return `${answer.status} ${code} for a request that the contract allows`;
}

export function jsonOf(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
