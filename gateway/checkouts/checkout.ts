/**
 * Checks a checkout request once: the id from the header, then the body. The result is a record
 * ready to be encoded, with a fingerprint of its content. Key order, white space, the notation of
 * numbers and `payment_checkout_id` do not change the fingerprint.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import type { ErrorObject } from 'ajv';
import { hasCardData } from '../../engine/card-data/card-fields.js';
import type { CheckoutAccepted } from '../../engine/codec/records.js';
import { CURRENCY_RULE } from '../../engine/domain/currencies.js';
import { newAjv } from '../../engine/util/ajv.js';
import { bodyHasCardData } from '../http/card-data.js';
import { type BodyError, invalidBody, PROBLEMS, type Problem } from '../http/problem.js';
import { CHECKOUT_ID_PATTERN, CheckoutBody, TEXT_PATTERN } from '../http/schemas.js';

const CHECKOUT_ID = new RegExp(CHECKOUT_ID_PATTERN);
const ERRORS_MAX = 10;
const TEXT_RULE = 'text without U+0000 and unpaired surrogates';
const WALLET_PREFIX = 'wallet_';

const ajv = newAjv();
// U+0000 cannot be stored by Postgres, and an unpaired surrogate has no UTF-8.
ajv.addFormat('text', (text) => !text.includes('\u0000') && text.isWellFormed());
const validate = ajv.compile<CheckoutBody>(CheckoutBody);

/** @returns the problem of a checkout id, or undefined */
export function checkCheckoutId(id: string): Problem | undefined {
  if (id === '') return PROBLEMS.checkoutIdMissing;
  if (hasCardData(id)) return PROBLEMS.cardData;
  if (!CHECKOUT_ID.test(id)) return PROBLEMS.checkoutIdInvalid;
  return undefined;
}

/** Parses and checks a raw body; a problem is returned, never thrown. */
export function parseCheckout(
  raw: Buffer,
  merchant: string,
  checkoutId: string,
  shard: number,
): CheckoutAccepted | Problem {
  const text = textOf(raw);
  if (text === undefined) return PROBLEMS.invalidJson;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return PROBLEMS.invalidJson;
  }
  // Before anything else: the errors below name fields, and a name may be a number.
  if (bodyHasCardData(text, body)) return PROBLEMS.cardData;
  if (!validate(body)) return invalidBody(bodyErrors(validate.errors ?? []));
  // As a key of a map it would vanish: no reader could give it back.
  if (Object.hasOwn(body.metadata ?? {}, '__proto__'))
    return invalidBody([{ pointer: '/metadata/__proto__', detail: 'is not a possible name' }]);
  if (body.payment_checkout_id !== undefined && body.payment_checkout_id !== checkoutId) {
    return PROBLEMS.checkoutIdMismatch;
  }
  const mismatch = checkPairing(body);
  if (mismatch) return invalidBody([mismatch]);
  const provider = isWallet(body) ? 'wallet' : (body.provider ?? 'auto');
  return {
    fingerprint: fingerprint(body, provider),
    shard,
    accepted_at: Date.now(),
    merchant,
    checkout_id: checkoutId,
    amount: body.amount,
    currency: body.currency,
    payment_method: body.payment_method,
    provider,
    description: body.description ?? null,
    metadata: body.metadata ?? {},
  };
}

export function isProblem<T extends object>(problem: T | Problem): problem is Problem {
  return 'code' in problem;
}

function isWallet(body: CheckoutBody): boolean {
  return body.payment_method.startsWith(WALLET_PREFIX);
}

/** `provider: "wallet"` and `payment_method: "wallet_<name>"` go with each other only. */
function checkPairing(body: CheckoutBody): BodyError | undefined {
  if (body.payment_method === WALLET_PREFIX)
    return { pointer: '/payment_method', detail: 'must name the wallet: wallet_<name>' };
  if (body.provider === undefined || (body.provider === 'wallet') === isWallet(body))
    return undefined;
  return body.provider === 'wallet'
    ? { pointer: '/payment_method', detail: 'must be wallet_<name> with provider wallet' }
    : {
        pointer: '/provider',
        detail: 'must be wallet or absent with payment_method wallet_<name>',
      };
}

/** @returns undefined when the bytes are not UTF-8 */
function textOf(raw: Buffer): string | undefined {
  if (isAscii(raw)) return raw.toString('latin1');
  return isUtf8(raw) ? raw.toString('utf8') : undefined;
}

function fingerprint(body: CheckoutBody, provider: string): Buffer {
  // By way of a string: Node makes that much faster than a buffer.
  return Buffer.from(hash('sha256', meaningOf(body, provider), 'binary'), 'latin1');
}

/**
 * The JSON of [amount, currency, payment method, provider, description, sorted metadata]. Put
 * together by hand where the patterns leave nothing to escape; stored fingerprints rest on it.
 */
export function meaningOf(body: CheckoutBody, provider: string): string {
  const { amount, currency, payment_method: method, description, metadata } = body;
  const entries = metadata
    ? JSON.stringify(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)))
    : '[]';
  const text = description === undefined ? 'null' : JSON.stringify(description);
  return `[${amount},"${currency}","${method}","${provider}",${text},${entries}]`;
}

/** The reasons that name a field; that of a property name comes with its own reason. */
function bodyErrors(errors: readonly ErrorObject[]): BodyError[] {
  return errors
    .filter((error) => error.keyword !== 'propertyNames')
    .slice(0, ERRORS_MAX)
    .map(bodyError);
}

function bodyError(error: ErrorObject): BodyError {
  const unknown = (error.params as { additionalProperty?: string }).additionalProperty;
  if (unknown !== undefined)
    return { pointer: pointerTo(error, unknown), detail: 'is not a known field' };
  const reason = detailOf(error);
  if (error.propertyName !== undefined)
    return { pointer: pointerTo(error, error.propertyName), detail: `the name ${reason}` };
  return { pointer: error.instancePath, detail: reason };
}

function pointerTo(error: ErrorObject, property: string): string {
  const name = property.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');
  return `${error.instancePath}/${name.toWellFormed()}`;
}

function detailOf(error: ErrorObject): string {
  const { pattern, allowedValues } = error.params as {
    pattern?: string;
    allowedValues?: readonly string[];
  };
  if (error.keyword === 'format' || pattern === TEXT_PATTERN) return `must be ${TEXT_RULE}`;
  if (error.instancePath === '/provider') return 'must be the name of a provider, such as stripe';
  if (allowedValues === undefined) return error.message ?? 'is invalid';
  if (error.instancePath === '/currency') return `must be ${CURRENCY_RULE}`;
  return `must be one of ${allowedValues.join(', ')}`;
}
