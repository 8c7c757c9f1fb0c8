/**
 * What looks like card data. A card number is what a brand could have issued: its prefix, one
 * of its lengths and the Luhn digit, whole or in groups, anywhere in a text. Time stamps,
 * snowflake ids and order numbers start otherwise; UUIDs and long hexadecimal digests are let
 * pass. A card verification value is known by the name it goes by.
 *
 * One pass over a text, linear in its length; next to nothing for the usual one.
 */

/** Prefixes as the brands publish them; lengths as they issue them. */
const BRANDS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]], // Visa
  [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]], // Mastercard
  [/^3[47]/, [15]], // American Express
  [/^(30[0-5]|3095|36|38|39)/, [14, 16]], // Diners Club
  [/^(6011|64[4-9]|65)/, [16, 17, 18, 19]], // Discover
  [/^35(2[89]|[3-8])/, [16]], // JCB
  [/^62/, [16, 17, 18, 19]], // UnionPay
  [/^(5018|5020|5038|5893|6304|6759|676)/, [13, 14, 15, 16, 17, 18, 19]], // Maestro
  [/^220[0-4]/, [16]], // Mir
  [/^(508|60)/, [16]], // RuPay
];
const FIRST_DIGITS = /[2-6\uff12-\uff16]/;
const CARD_DIGITS_MIN = 13;
const CARD_DIGITS_MAX = 19;

/** Between two groups of digits: blanks, dashes and joiners, at most so many. */
const SEPARATORS_MAX = 3;
const SEPARATORS = ' \t-._\u00a0\u00ad\u202f\u2060\u3000';
/** What each UTF-16 unit is: 1 a digit (ASCII, or full-width as in East Asian input), 2 a separator. */
const CLASSES = new Uint8Array(0x10000);
for (const first of [0x30, 0xff10]) CLASSES.fill(1, first, first + 10);
CLASSES.fill(2, 0x2000, 0x2016);
for (const it of SEPARATORS) CLASSES[it.charCodeAt(0)] = 2;
const FIRST_GROUP_MIN = 4;
const MIDDLE_GROUP_MIN = 3;
const HEX_DIGITS_MIN = 32;
const HEX_DIGITS_MAX = 128;

/** Where a card number stands in a text: [start, end). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function hasCardNumber(text: string): boolean {
  return hasEnoughDigits(text) && cardNumbersIn(text, 1).length > 0;
}

/** False for nearly every text, and allocates nothing. */
function hasEnoughDigits(text: string): boolean {
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const kind = CLASSES[text.charCodeAt(i)]!;
    if (kind === 0) digits = 0;
    else if (kind === 1 && ++digits >= CARD_DIGITS_MIN) return true;
  }
  return false;
}

/** At most `max` card numbers in a text, from left to right, not overlapping. */
export function cardNumbersIn(text: string, max: number): readonly Span[] {
  const found: Span[] = [];
  let start = -1;
  let digits = 0;
  let separators = 0;
  for (let i = 0; i <= text.length && found.length < max; i++) {
    const kind = i < text.length ? CLASSES[text.charCodeAt(i)]! : 0;
    if (kind === 1) {
      if (digits++ === 0) start = i;
      separators = 0;
      continue;
    }
    if (kind === 2 && ++separators <= SEPARATORS_MAX) continue;
    if (digits >= CARD_DIGITS_MIN) takeCards(text, groupsIn(text, start, i), max, found);
    digits = 0;
  }
  return found;
}

function groupsIn(text: string, from: number, to: number): Span[] {
  const groups: Span[] = [];
  let start = -1;
  for (let i = from; i <= to; i++) {
    const isInside = i < to && CLASSES[text.charCodeAt(i)] === 1;
    if (isInside && start < 0) start = i;
    if (isInside || start < 0) continue;
    groups.push({ start, end: i });
    start = -1;
  }
  return groups;
}

/** The numbers that consecutive groups make. */
function takeCards(text: string, groups: readonly Span[], max: number, found: Span[]): void {
  for (let first = 0; first < groups.length && found.length < max; first++) {
    const count = groupsOfCard(text, groups, first);
    if (count === 0) continue;
    found.push({ start: groups[first]!.start, end: groups[first + count - 1]!.end });
    first += count - 1;
  }
}

/** @returns how many groups from `first` on make one card number; 0 for none */
function groupsOfCard(text: string, groups: readonly Span[], first: number): number {
  const { start } = groups[first]!;
  if (!FIRST_DIGITS.test(text[start]!)) return 0;
  const isSingles = first === 0 && isUniform(groups);
  if (lengthOf(groups[first]!) < FIRST_GROUP_MIN && !isSingles) return 0;
  let digits = '';
  for (let at = first; at < groups.length; at++) {
    const { start: from, end } = groups[at]!;
    digits += text.slice(from, end);
    if (digits.length > CARD_DIGITS_MAX) return 0;
    if (digits.length < CARD_DIGITS_MIN) continue;
    const isWhole = isSingles && at === groups.length - 1;
    if (!isWhole && !isWayOfWriting(groups, first, at)) continue;
    if (!isCardNumber(digits)) continue;
    if (!isPhoneNumber(text, start, digits) && !isInDigest(text, start, end)) return at - first + 1;
  }
  return 0;
}

/** 4-4-4-4, 4-6-5, 6-13 and the like. */
function isWayOfWriting(groups: readonly Span[], first: number, last: number): boolean {
  for (let at = first + 1; at < last; at++) {
    if (lengthOf(groups[at]!) < MIDDLE_GROUP_MIN) return false;
  }
  return true;
}

/** Digit by digit or pair by pair, with nothing else around. */
function isUniform(groups: readonly Span[]): boolean {
  if (groups.length > CARD_DIGITS_MAX) return false;
  return groups.every((it) => lengthOf(it) === lengthOf(groups[0]!));
}

function isCardNumber(written: string): boolean {
  if (!passesLuhn(written)) return false;
  const digits = written.normalize('NFKC');
  return BRANDS.some(([prefix, lengths]) => lengths.includes(digits.length) && prefix.test(digits));
}

/** +49 151 …: 13 digits that begin like a Visa of the kind that is no longer issued. */
function isPhoneNumber(text: string, start: number, digits: string): boolean {
  return digits.length === CARD_DIGITS_MIN && text[start - 1] === '+';
}

/** Inside a UUID, a trace id or a digest: 32 hexadecimal digits or more, some of them letters. */
function isInDigest(text: string, start: number, end: number): boolean {
  let low = start;
  let high = end;
  while (low > Math.max(0, start - HEX_DIGITS_MAX) && /[0-9a-f-]/i.test(text[low - 1]!)) low--;
  while (high < Math.min(text.length, end + HEX_DIGITS_MAX) && /[0-9a-f-]/i.test(text[high]!))
    high++;
  const token = text.slice(low, high).replaceAll('-', '');
  return token.length >= HEX_DIGITS_MIN && /^[0-9]*[a-f][0-9a-f]*$/i.test(token);
}

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    // The last four bits of a digit are its value, full-width or not.
    let digit = digits.charCodeAt(digits.length - 1 - i) & 0xf;
    if (i % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0;
}

function lengthOf(span: Span): number {
  return span.end - span.start;
}
