/**
 * Names that identify a payment or its charge. Masking keeps them unchanged, because a masked name
 * would match nothing. Such a name contains a letter; a name of digits only that is a valid card
 * number is still masked.
 */
const NAMES = new Set([
  'id',
  'reference',
  'refund_reference',
  'merchant',
  'checkout_id',
  'payment_intent',
  'charge',
  'latest_charge',
  'tollgate_key',
]);
const NAME = /^(?=.*[A-Za-z])[\x21-\x7e]{1,255}$/;
/** In events of Stripe the metadata of an object lies deepest. */
const DEPTH_MAX = 6;

export function isKeptName(name: string, value: unknown): value is string {
  return NAMES.has(name) && typeof value === 'string' && NAME.test(value);
}

/**
 * Puts the names of `from` back into `copy`, which was masked.
 * @returns whether one was changed
 */
export function keepNames(from: unknown, copy: unknown, depth = 0): boolean {
  if (depth > DEPTH_MAX || from === copy || !isObject(from) || !isObject(copy)) return false;
  let hasChanged = false;
  for (const [name, entry] of Object.entries(from)) {
    if (!Object.hasOwn(copy, name)) continue;
    if (isKeptName(name, entry) && copy[name] !== entry) {
      copy[name] = entry;
      hasChanged = true;
    } else if (keepNames(entry, copy[name], depth + 1)) hasChanged = true;
  }
  return hasChanged;
}

function isObject(entry: unknown): entry is Record<string, unknown> {
  return typeof entry === 'object' && entry !== null;
}
