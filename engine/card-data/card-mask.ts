/**
 * Masks card data in texts that others wrote and tollgate must keep: webhooks, providers' answers,
 * error messages. All digits of a card number but the last four become `*`; the value of a
 * verification field is removed. A value without card data is returned unchanged, as the same
 * object.
 */
import { cardNumbersIn, hasCardNumber } from './card-data.js';
import { isCardField, replaceNamedCodes } from './card-fields.js';

const GONE = '***';
/** Deeper than any provider nests; what lies below is dropped. */
const DEPTH_MAX = 64;
const SHOWN_DIGITS = 4;
const DIGIT = /\p{Nd}/gu;
/** How far around a number its neighbours in JSON are looked for. */
const BLANKS_MAX = 20;
/**
 * The names of card fields contain one of these, and a backslash may hide anything. Texts that
 * have none, nor a number, are not parsed.
 */
const HINT =
  /cv[vcn]|csc|cav2|pan|card|cc|track|magstripe|pinblock|primary|security|verification|\\/i;

/** @param text JSON or any other text, or its bytes in UTF-8 */
export function maskCardData(text: string): string;
export function maskCardData(bytes: Uint8Array): Uint8Array;
export function maskCardData(name: string | Uint8Array): string | Uint8Array {
  if (typeof name === 'string') return maskText(name);
  const text = Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('utf8');
  const masked = maskText(text);
  return masked === text ? name : Buffer.from(masked);
}

/**
 * The same for a value that JSON can hold. What it does not change is the same object; what is
 * nested deeper than any provider nests is dropped.
 */
export function maskCardValues(value: unknown): unknown {
  return maskTree(value, 0);
}

function maskText(text: string): string {
  if (!HINT.test(text) && !hasCardNumber(text)) return text;
  // Numbers first and in the text: parsing would round those of 17 digits and more.
  const numbersGone = maskNumbers(text);
  let tree: unknown;
  try {
    tree = JSON.parse(numbersGone);
  } catch {
    return maskedJson(text) ?? replaceNamedCodes(numbersGone, GONE);
  }
  // Escaped digits and named fields only show in the tree.
  const masked = maskTree(tree, 0);
  return masked === tree ? numbersGone : JSON.stringify(masked);
}

/**
 * Where stars in the text would leave no JSON: a number with a sign or an exponent, a list of
 * numbers in a string. @returns undefined when the text is no JSON itself
 */
function maskedJson(text: string): string | undefined {
  try {
    return JSON.stringify(maskTree(JSON.parse(text), 0));
  } catch {
    return undefined;
  }
}

function maskTree(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return replaceNamedCodes(maskNumbers(value), GONE);
  if (typeof value === 'number') return maskNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_MAX) return GONE;
  if (Array.isArray(value)) {
    const items = value.map((entry) => maskTree(entry, depth + 1));
    return items.every((item, i) => item === value[i]) ? value : items;
  }
  let isSame = true;
  const entries = Object.entries(value).map(([name, item]) => {
    const isSecret = isCardField(name) && item !== null && typeof item !== 'boolean';
    const entry = [maskNumbers(name), isSecret ? GONE : maskTree(item, depth + 1)] as const;
    isSame &&= entry[0] === name && entry[1] === item;
    return entry;
  });
  return isSame ? value : Object.fromEntries(entries);
}

/** The digits count as they were written: 4242424242424242e-9 becomes 4242424.242424242. */
function maskNumber(value: number): number | string {
  const text = [`${value}`, `${value}`.replace('.', '')].find(hasCardNumber);
  return text === undefined ? value : maskNumbers(text);
}

function maskNumbers(text: string): string {
  if (!hasCardNumber(text)) return text;
  let masked = '';
  let from = 0;
  for (const { start, end } of cardNumbersIn(text, Number.POSITIVE_INFINITY)) {
    const starred = star(text.slice(start, end));
    // A number in JSON stays JSON as a string.
    const isBare =
      /[:[,]\s*$/.test(text.slice(Math.max(0, start - BLANKS_MAX), start)) &&
      /^\s*[,\]}]/.test(text.slice(end, end + BLANKS_MAX));
    masked += text.slice(from, start) + (isBare ? `"${starred}"` : starred);
    from = end;
  }
  return masked + text.slice(from);
}

/** All digits but the last four. */
function star(number: string): string {
  let left = number.match(DIGIT)!.length - SHOWN_DIGITS;
  return number.replace(DIGIT, (text) => (left-- > 0 ? '*' : text));
}
