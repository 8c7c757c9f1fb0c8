/**
 * What the API's contract says of a checkout's body, written a second time and by other means
 * than the product's schema: a mistake in one of them shows as a difference.
 */
import { isUtf8 } from 'node:buffer';

export interface Meaning {
  readonly amount: number;
  readonly currency: string;
  readonly payment_method: string;
  /** As the 202 names it. */
  readonly provider: string;
  readonly description: string | null;
  /** Name and value, sorted by name. */
  readonly metadata: readonly (readonly [string, string])[];
  /** The contract leaves no room to refuse it. */
  readonly isSure: boolean;
}

const FIELDS = [
  'amount',
  'currency',
  'payment_method',
  'provider',
  'description',
  'metadata',
  'payment_checkout_id',
];
const CURRENCIES = ['USD', 'EUR', 'JPY', 'KWD'];
const AMOUNT_MAX = 999_999_999_999;
const BODY_BYTES_MAX = 16 * 1024;

type Json = Readonly<Record<string, unknown>>;

/** @returns undefined when a body must be refused */
export function meaningOf(body: Buffer, checkoutId: string): Meaning | undefined {
  const object = body.length <= BODY_BYTES_MAX ? objectOf(body) : undefined;
  if (object === undefined || Object.keys(object).some((name) => !FIELDS.includes(name)))
    return undefined;
  const { amount, currency, payment_method: method, provider, description = null } = object;
  if (!Number.isInteger(amount) || (amount as number) < 1 || (amount as number) > AMOUNT_MAX)
    return undefined;
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) return undefined;
  if (typeof method !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(method)) return undefined;
  if (![undefined, 'simulator', 'stripe', 'wallet'].includes(provider as string | undefined))
    return undefined;
  if (description !== null && !isText(description, 500)) return undefined;
  if (Object.hasOwn(object, 'description') && description === null) return undefined;
  if (Object.hasOwn(object, 'payment_checkout_id') && object['payment_checkout_id'] !== checkoutId)
    return undefined;
  const metadata = metadataOf(object['metadata']);
  if (metadata === undefined) return undefined;
  const isWallet = method.startsWith('wallet_');
  return {
    ...{ amount: amount as number, currency, payment_method: method, metadata },
    description: description as string | null,
    provider: isWallet ? 'wallet' : ((provider as string | undefined) ?? 'auto'),
    isSure:
      CURRENCIES.includes(currency) &&
      (isWallet ? [undefined, 'wallet'] : [undefined, 'simulator']).includes(provider as string) &&
      metadata.every(([name]) => name !== '' && name !== '__proto__'),
  };
}

export function parsed(body: Buffer): unknown {
  try {
    return isUtf8(body) ? JSON.parse(body.toString()) : undefined;
  } catch {
    return undefined;
  }
}

function objectOf(body: Buffer): Json | undefined {
  const value = parsed(body);
  return isObject(value) ? value : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function metadataOf(value: unknown): Meaning['metadata'] | undefined {
  if (value === undefined) return [];
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > 50) return undefined;
  if (!entries.every(([name, text]) => isText(name, 40) && isText(text, 500))) return undefined;
  return sorted(entries as [string, string][]);
}

export function sorted(entries: readonly (readonly [string, string])[]): Meaning['metadata'] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** @param charactersMax code points */
function isText(value: unknown, charactersMax: number): value is string {
  if (typeof value !== 'string' || value.includes('\u0000') || !value.isWellFormed()) return false;
  return [...value].length <= charactersMax;
}
