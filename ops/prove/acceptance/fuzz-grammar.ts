/**
 * Any JSON text, made from the grammar of RFC 8259 and from what breaks programs elsewhere: line
 * breaks, prototype names, numbers that no double holds, duplicate names, broken UTF-8. Nothing
 * here knows what the API expects.
 */
import type { Random } from './fuzz-random.js';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-'];
/** Each is a character that some program treats in a way of its own. */
const ODD_CHARACTERS: readonly (readonly string[])[] = [
  ['\n', '\n', '\r', '\r\n', '\u2028', '\u2029'],
  ['\n', '\r', '\u0085', '\u000b', '\u000c'],
  ['\u0000', '\u0001', '\u001b', '\u007f', '\u009f', '\t', '\b'],
  ['"', '\\', "'", '`', '/', '<', '>', '&', '%', '$', '{', '}', '[', ']', '#', ';', ':', ',', '.'],
  ['é', 'ß', '中', '\u0130', '\u0301', '\u200b', '\u200d', '\u202e', '\ufeff', '\ufffd', '\uffff'],
  ['😀', '\u{10ffff}', '\ud800', '\udfff', '\udc00\ud800'],
];
const LENGTHS = [0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1_000];
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'toJSON',
  'valueOf',
  'then',
  'length',
  'size',
  'name',
  'get',
  'set',
  'isWellFormed',
  'charCodeAt',
  '0',
  '-1',
  '1e3',
  'null',
  'undefined',
  'true',
  '$ref',
  '@type',
  'id',
  'type',
  'data',
  'object',
  'code',
];
const NUMBERS = [
  ...['0', '-0', '0.0', '1', '-1', '1.0', '1e0', '1E+2', '100e-2', '0.1e1', '19.99e2', '1.5'],
  ...['127', '128', '255', '256', '32768', '65536', '2147483647', '2147483648', '-2147483649'],
  ...['4294967295', '4294967296', '9007199254740991', '9007199254740992', '9007199254740993'],
  ...['-9007199254740993', '9223372036854775807', '18446744073709551616', '1e21', '1e22'],
  ...['1e400', '-1e400', '1e-400', '5e-324', '1.7976931348623157e308', '0.1', '1e-7'],
  ...['123456789012345678901234567890', '0.30000000000000004', '999999999999.5'],
];
const NO_NUMBERS = ['01', '+1', '.5', '1.', '0x10', 'NaN', '-Infinity', '1_000', '1n', '١', '--1'];
const NO_VALUES = ['', 'undefined', 'True', "'a'", '{a:1}', '[1,]', '{"a":1,}', '/**/1', '"\n"'];
const BLANKS = [' ', '\t', '\r\n', '  '];
/** No white space to JSON, but to other readers. */
const ODD_BLANKS = [...BLANKS, '\u00a0', '\ufeff', '\u000b', '\u2028'];
const DEPTHS = [10, 100, 1_000, 5_000];

/** @param exactLength in UTF-16 units */
export function textOf(random: Random, exactLength?: number): string {
  const length = exactLength ?? (random.chance(85) ? random.below(12) : random.pick(LENGTHS));
  const oddPercent = random.pick([0, 10, 50]);
  let text = '';
  while (text.length < length) {
    const isOdd = random.chance(oddPercent);
    text += isOdd ? random.pick(random.pick(ODD_CHARACTERS)) : random.pick(LETTERS);
  }
  return exactLength === undefined ? text : text.slice(0, exactLength);
}

/** A name of an object's member. */
export function nameOf(random: Random): string {
  return random.chance(40) ? random.pick(NAMES) : textOf(random);
}

/** The text of a JSON value; at `depth` 0 without members. */
export function jsonOf(random: Random, depth = 3): string {
  return random.oneOf<string>([
    [14, () => random.pick(['null', 'null', 'true', 'false'])],
    [20, () => numberOf(random)],
    [25, () => quote(random, random.chance(20) ? nameOf(random) : textOf(random))],
    [8, () => (depth === 0 ? '[]' : list(random, depth))],
    [16, () => (depth === 0 ? '{}' : object(random, depth))],
  ]);
}

/** Any text that a JSON parser may be given, mostly valid. */
export function documentOf(random: Random): string {
  return random.oneOf<string>([
    [80, () => padded(random, jsonOf(random, 4), ODD_BLANKS)],
    [8, () => nested(random)],
    [6, () => random.pick(NO_VALUES)],
    [3, () => `\ufeff${jsonOf(random)}`],
    [3, () => `${jsonOf(random)}${jsonOf(random)}`],
  ]);
}

export function numberOf(random: Random): string {
  return random.oneOf<string>([
    [55, () => random.pick(NUMBERS)],
    [20, () => `${random.pick(['', '-'])}${random.below(2_000)}`],
    [22, () => `${random.pick(['', '-'])}${1 + random.below(9)}${tail(random)}`],
    [3, () => random.pick(NO_NUMBERS)],
  ]);
}

function tail(random: Random): string {
  const digits = (max: number): string =>
    random.times(random.below(max), () => `${random.below(10)}`).join('');
  const fraction = random.chance(40) ? `.${digits(6)}${random.below(10)}` : '';
  const sign = random.pick(['', '+', '-']);
  const exponent = random.chance(40) ? `${random.pick(['e', 'E'])}${sign}${random.below(30)}` : '';
  return digits(20) + fraction + exponent;
}

/** A JSON string; any character may be written as an escape, an unpaired surrogate always is. */
export function quote(random: Random, text: string): string {
  const escapePercent = random.pick([0, 0, 0, 20, 100]);
  let quoted = '"';
  for (const character of text) {
    if (random.chance(escapePercent)) quoted += escapesOf(character);
    else quoted += JSON.stringify(character).slice(1, -1);
  }
  return `${quoted}"`;
}

function escapesOf(character: string): string {
  const units = [...Array(character.length).keys()].map((i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

function list(random: Random, depth: number): string {
  const items = random.times(random.below(4), () => jsonOf(random, depth - 1));
  return `[${items.join(',')}]`;
}

function object(random: Random, depth: number): string {
  const members = random.times(random.below(5), () => memberOf(random, depth - 1));
  if (members.length > 0 && random.chance(10)) members.push(random.pick(members));
  return objectOf(random, members);
}

export function memberOf(random: Random, depth = 2): string {
  return `${quote(random, nameOf(random))}:${jsonOf(random, depth)}`;
}

export function objectOf(random: Random, members: readonly string[]): string {
  return `{${members.map((member) => padded(random, member)).join(',')}}`;
}

/** With white space around it, now and then. */
function padded(random: Random, text: string, blanks: readonly string[] = BLANKS): string {
  if (random.chance(90)) return text;
  const blank = random.pick(blanks);
  return `${blank}${text}${blank}`;
}

function nested(random: Random): string {
  const depth = random.pick(DEPTHS);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"length":', '}]'],
  ] as const);
  return open.repeat(depth) + jsonOf(random, 0) + close.repeat(random.chance(90) ? depth : 1);
}

const BROKEN_UTF8 = [
  [0x80],
  [0xc0, 0x80],
  [0xc3],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x9f, 0x98],
  [0xf4, 0x90, 0x80, 0x80],
  [0xff],
  [0x00],
];

/** The text's bytes, now and then no longer UTF-8. */
export function bytesOf(random: Random, text: string, brokenPercent: number): Buffer {
  const bytes = Buffer.from(text);
  if (!random.chance(brokenPercent)) return bytes;
  const at = random.below(bytes.length + 1);
  return random.oneOf<Buffer>([
    [
      6,
      () =>
        Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(random.pick(BROKEN_UTF8)),
          bytes.subarray(at),
        ]),
    ],
    [2, () => bytes.subarray(0, at)],
    [1, () => Buffer.from(text, 'utf16le')],
    [1, () => Buffer.concat([bytes, Buffer.from([0])])],
  ]);
}
