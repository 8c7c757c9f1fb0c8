/**
 * Finds card numbers in a text. A card number is what a brand could have issued (card-brands.ts)
 * with a right Luhn digit, in one of these forms:
 *
 *   4242424242424242          one group that is the number
 *   42424242424242421226      one group that is the number and an expiry date
 *   4242 4242 4242 4242       groups: the first of four digits or more, the others of two or more
 *   4 2 4 2 4 2 …, 42 42 …    groups of one, two or three digits, with no other group beside them
 *
 * Digits may be of any script, separators are those of digits.ts, at most SEPARATORS_MAX between two
 * groups. A number inside a longer group is not found, and neither is one inside a UUID or a random
 * hexadecimal digest: such texts hold a valid number by chance.
 *
 * One pass over the text, linear in its length: Luhn sums of every window come from prefix sums.
 */

import { isInDigest } from '../domain/digest.js';
import {
  bitOf,
  CARD_DIGITS_MAX,
  CARD_DIGITS_MIN,
  GROUPED_LENGTHS,
  WHOLE_LENGTHS,
} from './card-brands.js';
import { CLASSES, MATH_LEAD, mathDigit, NEITHER, SEPARATOR } from './digits.js';

const SEPARATORS_MAX = 8;
const FIRST_GROUP_MIN = 4;
const OTHER_GROUP_MIN = 2;
/** An expiry date behind a number of 15 digits or more: MMYY, YYMM, MMYYYY, YYYYMM. */
const EXPIRY_DIGITS = [4, 6];
const EXPIRY_DIGITS_MAX = 6;
const DATED_CARD_DIGITS_MIN = 15;
const EXPIRY_YEARS: readonly [first: number, last: number] = [20, 50];

/** Where a card number stands in a text: [start, end). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function hasCardNumber(text: string): boolean {
  return cardNumbersIn(text, 1).length > 0;
}

/** At most `max` card numbers in a text, from left to right, not overlapping. */
export function cardNumbersIn(text: string, max: number): readonly Span[] {
  if (text.length < COPIED_MIN && !hasEnoughDigits(text)) return NONE;
  load(text);
  const found: Span[] = [];
  let length = 0;
  let separators = 0;
  for (let i = 0; i <= text.length; i++) {
    const start = i;
    let kind = CLASSES[units[i]!]!;
    if (kind === MATH_LEAD) kind = mathDigit(units[++i]!);
    if (kind === SEPARATOR && ++separators <= SEPARATORS_MAX) continue;
    if (kind === NEITHER || kind === SEPARATOR) {
      if (length >= CARD_DIGITS_MIN) addCards(length, max, found);
      if (found.length >= max) break;
      length = 0;
      continue;
    }
    addDigit(length, kind - 1, start);
    heads[length] = length === 0 || separators > 0 ? 1 : 0;
    separators = 0;
    length++;
  }
  return found;
}

const PLUS = 0x2b;
const NONE: readonly Span[] = [];
/** From this length on, copying a text into an array costs less than reading it unit by unit. */
const COPIED_MIN = 256;

/** False for nearly every text, and allocates nothing. */
function hasEnoughDigits(text: string): boolean {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const kind = CLASSES[text.charCodeAt(i)]!;
    if (kind === SEPARATOR) continue;
    if (kind === NEITHER) count = 0;
    else if (++count >= CARD_DIGITS_MIN) return true;
    if (kind === MATH_LEAD) i++;
  }
  return false;
}

/*
 * What a search works on. It is kept between searches, for a search does not return to the event
 * loop. First the UTF-16 units of the text, with a zero behind them. Then the digits of one run,
 * which only separators divide, and what is needed to judge every window of them at once.
 */
let units = new Uint16Array(0);
let bytes = Buffer.alloc(0);
let digits = new Uint8Array(0);
/** Where each digit stands in the text. */
let starts = new Int32Array(0);
/** 1 where a group begins. */
let heads = new Uint8Array(0);
/** Luhn sums of the digits before each one, if every even or every odd place is doubled. */
let evenDoubled = new Int32Array(0);
let oddDoubled = new Int32Array(0);

function load(text: string): void {
  const { length } = text;
  if (length + 2 > units.length) {
    const capacity = length * 2 + COPIED_MIN;
    units = new Uint16Array(capacity);
    bytes = Buffer.from(units.buffer);
    digits = new Uint8Array(capacity);
    starts = new Int32Array(capacity);
    heads = new Uint8Array(capacity);
    evenDoubled = new Int32Array(capacity);
    oddDoubled = new Int32Array(capacity);
  }
  bytes.write(text, 'utf16le');
  units[length] = 0;
  units[length + 1] = 0;
}

function addDigit(at: number, digit: number, start: number): void {
  const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
  const isEven = (at & 1) === 0;
  digits[at] = digit;
  starts[at] = start;
  evenDoubled[at + 1] = evenDoubled[at]! + (isEven ? doubled : digit);
  oddDoubled[at + 1] = oddDoubled[at]! + (isEven ? digit : doubled);
}

/** Adds the numbers of a run of `length` digits to `found`. */
function addCards(length: number, max: number, found: Span[]): void {
  for (let at = 0; at + CARD_DIGITS_MIN <= length && found.length < max; at++) {
    if (heads[at] === 0) continue;
    const count = cardAt(at, length);
    if (count === 0) continue;
    found.push({ start: starts[at]!, end: endOf(at + count - 1) });
    at += count - 1;
  }
}

/** @returns how many digits from the group's head `at` on are a card number; 0 for none */
function cardAt(at: number, length: number): number {
  const prefix =
    digits[at]! * 1000 + digits[at + 1]! * 100 + digits[at + 2]! * 10 + digits[at + 3]!;
  const lengths = GROUPED_LENGTHS[prefix]!;
  if (lengths === 0) return 0;
  for (let count = CARD_DIGITS_MAX; count >= CARD_DIGITS_MIN; count--) {
    const to = at + count;
    if ((lengths & bitOf(count)) === 0 || to > length) continue;
    if (!passesLuhn(at, to) || !isWritten(prefix, at, to, length)) continue;
    const start = starts[at]!;
    if (!isPhoneNumber(start, count) && !isInDigest(units, start, endOf(to - 1))) return count;
  }
  return 0;
}

/** ISO/IEC 7812-1, annex B: from the right, every second digit is doubled. */
function passesLuhn(from: number, to: number): boolean {
  const sums = (to & 1) === 0 ? evenDoubled : oddDoubled;
  return (sums[to]! - sums[from]!) % 10 === 0;
}

/** Whether the window is in one of the forms of a card number. */
function isWritten(prefix: number, from: number, to: number, length: number): boolean {
  const firstEnd = groupEnd(from, length);
  if (firstEnd >= to) {
    if ((WHOLE_LENGTHS[prefix]! & bitOf(to - from)) === 0) return false;
    return firstEnd === to || (to - from >= DATED_CARD_DIGITS_MIN && isExpiry(to, firstEnd));
  }
  if (to < length && heads[to] === 0) return false;
  if (firstEnd - from < FIRST_GROUP_MIN) return isUniform(from, to, length);
  for (let head = firstEnd; head < to; ) {
    const end = groupEnd(head, length);
    if (end < to && end - head < OTHER_GROUP_MIN) return false;
    head = end;
  }
  return true;
}

/** Groups of the same length, and no other group beside them. */
function isUniform(from: number, to: number, length: number): boolean {
  if (from !== 0 || to !== length) return false;
  const group = groupEnd(from, length) - from;
  for (let head = group; head < to; head += group) {
    if (heads[head] === 0) return false;
    if (head + group < to && groupEnd(head, length) !== head + group) return false;
  }
  return true;
}

function isExpiry(from: number, to: number): boolean {
  if (!EXPIRY_DIGITS.includes(to - from)) return false;
  const first = numberIn(from, from + 2);
  const second = numberIn(from + 2, from + 4);
  if (to - from === 4) return isDate(first, second) || isDate(second, first);
  const last = numberIn(to - 2, to);
  return (second === 20 && isDate(first, last)) || (first === 20 && isDate(last, second));
}

function isDate(month: number, year: number): boolean {
  return month >= 1 && month <= 12 && year >= EXPIRY_YEARS[0] && year <= EXPIRY_YEARS[1];
}

function numberIn(from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + digits[i]!;
  return value;
}

/** The end of a group; one that is longer than any number with a date is cut. */
function groupEnd(head: number, length: number): number {
  const last = Math.min(length, head + CARD_DIGITS_MAX + EXPIRY_DIGITS_MAX + 1);
  let end = head + 1;
  while (end < last && heads[end] === 0) end++;
  return end;
}

/** Behind the digit's last unit. */
function endOf(at: number): number {
  const start = starts[at]!;
  return CLASSES[units[start]!] === MATH_LEAD ? start + 2 : start + 1;
}

/** +49 151 …: 13 digits that begin like a Visa of the kind that is no longer issued. */
function isPhoneNumber(start: number, count: number): boolean {
  return count === CARD_DIGITS_MIN && units[start - 1] === PLUS;
}
