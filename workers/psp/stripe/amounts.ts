/**
 * Amounts as Stripe wants them. Our minor units are those of ISO 4217; Stripe counts some
 * currencies otherwise (https://docs.stripe.com/currencies, "zero-decimal" and "special
 * cases"), and there the same number would be another sum of money.
 */
import { code } from 'currency-codes';

/** Decimals at Stripe where they are not two. */
const STRIPE_DECIMALS = new Map<string, number>([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV'].map(
    (it) => [it, 0] as const,
  ),
  ...['XAF', 'XOF', 'XPF'].map((it) => [it, 0] as const),
  ...['BHD', 'JOD', 'KWD', 'OMR', 'TND'].map((it) => [it, 3] as const),
]);

/** @returns undefined where Stripe has no such amount */
export function stripeAmount(amountMinor: number, currency: string): number | undefined {
  const iso = code(currency)?.digits;
  if (iso === undefined) return undefined;
  const shift = (STRIPE_DECIMALS.get(currency) ?? 2) - iso;
  const amount = shift >= 0 ? amountMinor * 10 ** shift : amountMinor / 10 ** -shift;
  return Number.isSafeInteger(amount) ? amount : undefined;
}
