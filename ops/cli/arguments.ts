/**
 * Parsers of options that several commands share. A wrong value ends the command with exit code 2.
 */
import { InvalidArgumentError } from 'commander';
import { CURRENCY_RULE, isCurrency } from '../../engine/domain/currencies.js';
import { MERCHANT_PATTERN } from '../../engine/domain/payment.js';

/** Of merchants, wallets and checkout ids. */
export const NAME_RULE = '1 to 64 letters, digits, _ or -';

export function nameOf(text: string): string {
  if (!new RegExp(MERCHANT_PATTERN).test(text)) throw new InvalidArgumentError(NAME_RULE);
  return text;
}

export function currencyOf(text: string): string {
  if (!isCurrency(text)) throw new InvalidArgumentError(CURRENCY_RULE);
  return text;
}
