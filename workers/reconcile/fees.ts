/**
 * Agreed fees of charges: a percentage plus a fixed part, per provider and, where it differs,
 * per currency. Computed in decimals by Postgres and rounded once, to minor units.
 */
import { ConfigurationError } from '../../engine/config/settings.js';

export const ROUNDINGS = ['half_up', 'half_even', 'down'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

export interface Fee {
  readonly provider: string;
  /** `*`: every currency without a fee of its own. */
  readonly currency: string;
  /** Parts per million of the amount. */
  readonly ppm: number;
  /** Minor units of the charge's currency. */
  readonly fixedMinor: number;
}

const NAME = '([a-z][a-z0-9_]*)(?::([A-Z]{3}))?';
const PER_MILLE = new RegExp(`^${NAME}=(\\d{1,3})$`);
const PERCENT = new RegExp(`^${NAME}=(?:(\\d{1,2})(?:\\.(\\d{1,4}))?%)?(?:\\+(\\d{1,9}))?$`);

/** `simulator=14` (per mille), `bank=1.45%`, `card=2.9%+30`, `card:JPY=3%`, `flat=+25`. */
export function feesOf(text: string): Fee[] {
  const fees = text.split(',').map((part) => feeOf(part.trim()));
  const known = fees.filter((fee) => fee !== undefined);
  const names = new Set(known.map((fee) => `${fee.provider}:${fee.currency}`));
  if (known.length === fees.length && names.size === fees.length) return known;
  throw new ConfigurationError([
    `TOLLGATE_PROVIDER_FEES: "${text}" is not like simulator=14,bank=1.45%,card=2.9%+30,card:JPY=3%, each name once`,
  ]);
}

function feeOf(part: string): Fee | undefined {
  const perMille = PER_MILLE.exec(part);
  if (perMille) {
    const [, provider, currency = '*', parts] = perMille;
    return { provider: provider!, currency, ppm: Number(parts) * 1_000, fixedMinor: 0 };
  }
  const percent = PERCENT.exec(part);
  if (!percent || part.endsWith('=')) return undefined;
  const [, provider, currency = '*', whole = '0', decimals = '', fixed = '0'] = percent;
  const ppm = Number(`${whole}${decimals.padEnd(4, '0')}`);
  return { provider: provider!, currency, ppm, fixedMinor: Number(fixed) };
}

/** Four parameters of a statement, from `$first` on. */
export function feeColumns(fees: readonly Fee[]): unknown[] {
  return [
    fees.map((fee) => fee.provider),
    fees.map((fee) => fee.currency),
    fees.map((fee) => fee.ppm),
    fees.map((fee) => fee.fixedMinor),
  ];
}

/** Joins the fee of line `l`: that of its currency (`f`), else the provider's general one (`g`). */
export function feeJoins(first: number): string {
  const [a, b, c, d] = [first, first + 1, first + 2, first + 3];
  const fees = `unnest($${a}::text[], $${b}::text[], $${c}::bigint[], $${d}::bigint[])`;
  const columns = '(provider, currency, ppm, fixed)';
  return `
left join ${fees} f${columns} on f.provider = l.provider and f.currency = l.currency
left join ${fees} g${columns} on g.provider = l.provider and g.currency = '*'`;
}

/** The agreed fee of line `l` in minor units; null where none is agreed. */
export function agreedFee(rounding: Rounding): string {
  const exact = `(l.amount_minor * coalesce(f.ppm, g.ppm) * 0.000001 + coalesce(f.fixed, g.fixed))`;
  if (rounding === 'down') return `trunc${exact}`;
  if (rounding === 'half_up') return `round${exact}`;
  return `(round${exact} - case when ${exact} % 1 = 0.5 and trunc${exact} % 2 = 0 then 1 else 0 end)`;
}
