/** Values of options that several commands take: checked once, refused with exit code 2. */
import { InvalidArgumentError } from 'commander';
import { CURRENCY_RULE, isCurrency } from '../../engine/core/currencies.js';

export function currencyOf(text: string): string {
  if (!isCurrency(text)) throw new InvalidArgumentError(CURRENCY_RULE);
  return text;
}
