/**
 * Amounts as reports write them, to minor units. Digits are moved, never computed with:
 * no float takes part.
 */
import { minorDigits } from '../../engine/domain/currencies.js';
import { EngineError } from '../../engine/util/errors.js';

const MINOR_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** Digits behind the point, by ISO 4217: JPY 0, USD 2, BHD 3. */
export function exponentOf(currency: string): number {
  const digits = minorDigits(currency);
  if (digits === undefined) throw invalid(`"${currency}" is not an ISO 4217 currency`);
  return digits;
}

/** `"19.99"` USD is 1999; `"-0.5"` BHD is -500. More digits than the currency has must be zeros. */
export function minorUnits(text: string, currency: string): number {
  const match = /^(-?)(\d{1,18})(?:\.(\d{1,18}))?$/.exec(text);
  if (!match) throw invalid(`"${text}" is not a decimal amount`);
  const [, sign, whole, fraction = ''] = match;
  const exponent = exponentOf(currency);
  if (/[1-9]/.test(fraction.slice(exponent)))
    throw invalid(`"${text}" has more digits than ${currency} has`);
  return bounded(BigInt(`${sign}${whole}${fraction.slice(0, exponent).padEnd(exponent, '0')}`));
}

/** An amount that is in minor units already. */
export function wholeUnits(text: string): number {
  if (!/^-?\d{1,18}$/.test(text)) throw invalid(`"${text}" is not an amount in minor units`);
  return bounded(BigInt(text));
}

/** Minor units as people read them: 1999 USD is `19.99`. */
export function decimalText(minor: number | bigint, currency: string): string {
  const exponent = exponentOf(currency);
  const digits = `${minor < 0 ? -minor : minor}`.padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const text = exponent === 0 ? whole : `${whole}.${digits.slice(-exponent)}`;
  return minor < 0 ? `-${text}` : text;
}

function bounded(value: bigint): number {
  if (value > MINOR_MAX || value < -MINOR_MAX) throw invalid(`${value} is beyond 2^53`);
  // No negative zero: it would differ from zero in JSON.
  return Number(value) || 0;
}

function invalid(message: string): EngineError {
  return new EngineError('amount_invalid', message);
}
