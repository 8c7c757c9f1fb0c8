/** Card data that is known by its name: verification values, track data, fields for numbers. */
import { hasCardNumber } from './card-data.js';
import { remembered } from './remembered.js';

const NAMED_CODE =
  /(?<![a-z0-9])(cvv2?|cvc2?|cvn2?|cav2|security[ _-]?code)([\s:=#._"'-]{0,4}(?:is\s)?)\d{3,4}(?!\d)/gi;
const NAMED_CODE_HINT = /cv[vcn]|cav2|security/i;
/** What stands before the name proper, and the names, without case and punctuation. */
const CARD_FIELD =
  /^(?:customer|payer|user|billing|payment|credit|debit|bank|source)*(?:(?:card|cc)?(?:cvv2?|cvc2?|cvn2?|cav2|csc|pan|primaryaccountnumber|securitycode|(?:cvv|cvc)code|track[123](?:data)?|trackdata|magstripe(?:data)?|pinblock)|(?:card|cc)(?:number|num|no|nr|pin|code|verification(?:value|code|number)?)|cardverification|verificationvalue)$/;
const NAME_CHARACTERS_MAX = 64;
/** The same few names come in every body. */
const KNOWN_NAMES_MAX = 1_000;
const isCardName = remembered(KNOWN_NAMES_MAX, (name) =>
  CARD_FIELD.test(name.toLowerCase().replace(/[^a-z0-9]/g, '')),
);

/** The name of a field that would hold a card number, a verification value or track data. */
export function isCardField(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && isCardName(name);
}

/** A card number, or a verification value by its name ("cvv: 123"). */
export function hasCardData(text: string): boolean {
  return hasNamedCode(text) || hasCardNumber(text);
}

export function hasNamedCode(text: string): boolean {
  return NAMED_CODE_HINT.test(text) && text.search(NAMED_CODE) >= 0;
}

export function replaceNamedCodes(text: string, by: string): string {
  return NAMED_CODE_HINT.test(text) ? text.replace(NAMED_CODE, `$1$2${by}`) : text;
}
