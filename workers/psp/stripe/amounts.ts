/**
 * Converts amounts to Stripe's units. tollgate's minor units are those of ISO 4217. Stripe uses
 * others for some currencies (https://docs.stripe.com/currencies, "zero-decimal" and "special
 * cases"); the same number would be another amount of money there.
 */
import { minorDigits } from '../../../engine/domain/currencies.js';

/** Decimals at Stripe where they are not two. */
const STRIPE_DECIMALS = new Map<string, number>([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV'].map(
    (text) => [text, 0] as const,
  ),
  ...['XAF', 'XOF', 'XPF'].map((text) => [text, 0] as const),
  ...['BHD', 'JOD', 'KWD', 'OMR', 'TND'].map((text) => [text, 3] as const),
]);

/**
 * Stripe takes amounts of three-decimal currencies in multiples of ten only.
 * @returns undefined where Stripe has no such amount
 */
export function stripeAmount(amountMinor: number, currency: string): number | undefined {
  if (STRIPE_DECIMALS.get(currency) === 3 && amountMinor % 10 !== 0) return undefined;
  return shifted(amountMinor, shiftOf(currency));
}

/** The way back: what Stripe calls `amount`, in minor units of ISO 4217. */
export function minorAmount(amount: number, currency: string): number | undefined {
  const shift = shiftOf(currency);
  return shifted(amount, shift === undefined ? undefined : -shift);
}

/** Decimals that Stripe has more than ISO 4217. */
function shiftOf(currency: string): number | undefined {
  const iso = minorDigits(currency);
  return iso === undefined ? undefined : (STRIPE_DECIMALS.get(currency) ?? 2) - iso;
}

function shifted(amount: number, shift: number | undefined): number | undefined {
  if (shift === undefined) return undefined;
  const moved = shift >= 0 ? amount * 10 ** shift : amount / 10 ** -shift;
  return Number.isSafeInteger(moved) ? moved : undefined;
}
