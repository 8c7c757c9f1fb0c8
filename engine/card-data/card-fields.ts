/** Recognises card data by a field's name: verification values, track data, card number fields. */

import { remembered } from '../util/memoize.js';
import { hasCardNumber } from './card-data.js';

const NAMED_CODE =
  /(?<![a-z0-9])(cvv2?|cvc2?|cvn2?|cav2|security[ _-]?code)([\s:=#._"'-]{0,4}(?:is\s)?)\d{3,4}(?!\d)/gi;
const NAMED_CODE_HINT = /cv[vcn]|cav2|security/i;
/** A code has three digits at least; most texts have none, and this is the cheapest question. */
const CODE_DIGITS = /[0-9]{3}/;
/** Names without case, punctuation and a number behind them: `cvv_1` is `cvv`. */
const CARD_FIELD = new RegExp(
  `^(?:${[
    // Verification codes, whatever stands in front of the name.
    '.*(?:cvv2?|cvc2?|cvn2|cav2|securitycode|(?:cvv|cvc)(?:code|number|value))',
    // Names that are too short or too common to be known behind any prefix.
    '(?:customer|payer|user|billing|payment|credit|debit|bank|source|card|cc|my|the)*' +
      '(?:cvn|csc|cid|pan|primaryaccountnumber|track[123]?(?:equivalent)?data|track[123]|' +
      'magstripe(?:data)?|pinblock|(?:card|cc)(?:number|num|no|nr|pin|code|verification(?:value|code|number)?)|' +
      'cardverification|verificationvalue)',
    // Tags of EMV: 57 track 2, 5A the number, 9F6B track 2, 56 and 9F6A track 1 and codes.
    '(?:emv)?tag(?:56|57|5a|9f6a|9f6b)',
  ].join('|')})$`,
);
const NAME_CHARACTERS_MAX = 64;
/** The same few names come in every body. */
const KNOWN_NAMES_MAX = 1_000;
const isCardName = remembered(KNOWN_NAMES_MAX, (name) => {
  const plain = name.toLowerCase().replace(/[^a-z0-9]+[0-9]{1,2}$/, '');
  return CARD_FIELD.test(plain.replace(/[^a-z0-9]/g, ''));
});

/** The name of a field that would hold a card number, a verification value or track data. */
export function isCardField(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && isCardName(name);
}

/** A card number, or a verification value by its name ("cvv: 123"). */
export function hasCardData(text: string): boolean {
  return hasNamedCode(text) || hasCardNumber(text);
}

export function hasNamedCode(text: string): boolean {
  return CODE_DIGITS.test(text) && NAMED_CODE_HINT.test(text) && text.search(NAMED_CODE) >= 0;
}

export function replaceNamedCodes(text: string, by: string): string {
  return NAMED_CODE_HINT.test(text) ? text.replace(NAMED_CODE, `$1$2${by}`) : text;
}
