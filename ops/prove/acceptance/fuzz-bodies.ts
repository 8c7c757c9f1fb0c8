/** Good checkouts, and good ones with something odd in any place. */
import {
  bytesOf,
  documentOf,
  jsonOf,
  memberOf,
  nameOf,
  numberOf,
  objectOf,
  quote,
  textOf,
} from './fuzz-grammar.js';
import type { Random } from './fuzz-random.js';

/** The texts of names and values of one object. */
export type Members = [name: string, value: string][];

/** Around the limits that the API states: names of metadata, its values, ids, tokens. */
const LIMITS = [0, 1, 39, 40, 41, 63, 64, 65, 127, 128, 129, 499, 500, 501];
const AMOUNT_LIMITS = [
  ...['0', '1', '-1', '1.5', '1999.0', '1.999e3', '999999999999', '1000000000000', '1e12'],
  ...['999999999999.0', '"1999"', '9007199254740993', '1e400', '0.1e1', '-0'],
];
/** Most are charged at once; none takes a second. */
const TOKENS = [
  ...Array<string>(6).fill('pm_card_visa'),
  'pm_card_declined',
  'pm_webhook_only',
  'pm_webhook_twice',
  'pm_error_1',
  'wallet_fuzz',
];
const CURRENCIES = ['USD', 'EUR', 'JPY', 'KWD'];

export function goodCheckout(random: Random, id: string): Members {
  const members: Members = [
    ['amount', `${1 + random.below(5_000)}`],
    ['currency', `"${random.pick(CURRENCIES)}"`],
    ['payment_method', `"${random.pick(TOKENS)}"`],
  ];
  if (random.chance(40)) members.push(['description', quote(random, goodText(random))]);
  if (random.chance(40)) members.push(['metadata', metadataOf(random, 0)]);
  if (random.chance(10)) members.push(['payment_checkout_id', `"${id}"`]);
  return members;
}

/** The bytes of a checkout with one to three odd places. */
export function oddCheckout(random: Random, id: string): Buffer {
  const members = goodCheckout(random, id);
  for (let n = 1 + random.below(3); n > 0; n--) mutate(random, members);
  const text = textOfMembers(random, members);
  const wrapped = random.chance(97)
    ? text
    : random.pick([`[${text}]`, `\ufeff${text}`, `${text}0`]);
  return bytesOf(random, wrapped, 3);
}

export function bytesOfCheckout(random: Random, members: Members): Buffer {
  return Buffer.from(textOfMembers(random, members));
}

/** In any order. */
export function textOfMembers(random: Random, members: Members): string {
  const texts = members.map(([name, value]) => `${quote(random, name)}:${value}`);
  if (random.chance(20)) texts.push(texts.shift()!);
  return objectOf(random, texts);
}

/** Changes one place of an object that is otherwise what its reader expects. */
export function mutate(random: Random, members: Members): void {
  const at = random.below(members.length);
  const [name = '', value = ''] = members[at] ?? [];
  random.oneOf<void>([
    [10, () => void setMember(members, 'amount', amountOf(random))],
    [24, () => void setMember(members, 'metadata', metadataOf(random, 50))],
    [8, () => void setMember(members, 'description', valueOrText(random))],
    [4, () => void setMember(members, 'payment_method', valueOrText(random))],
    [4, () => void setMember(members, 'provider', providerOf(random))],
    [4, () => void setMember(members, 'currency', currencyOf(random))],
    [2, () => void setMember(members, 'payment_checkout_id', valueOrText(random))],
    [10, () => void members.splice(at, 1, [name, jsonOf(random)])],
    [4, () => void members.splice(at, 1)],
    [4, () => void members.push([name, random.chance(50) ? value : jsonOf(random)])],
    [4, () => void members.splice(at, 1, [renamed(random, name), value])],
    [4, () => void members.push([nameOf(random), jsonOf(random)])],
  ]);
  if (members.length === 0) members.push([nameOf(random), documentOf(random)]);
}

function setMember(members: Members, name: string, value: string): void {
  const at = members.findIndex(([key]) => key === name);
  if (at < 0) members.push([name, value]);
  else members[at] = [name, value];
}

function amountOf(random: Random): string {
  return random.chance(60) ? random.pick(AMOUNT_LIMITS) : numberOf(random);
}

function currencyOf(random: Random): string {
  return random.pick(['"usd"', '"US"', '"USDD"', '"XXX"', '"ZZZ"', '"U\\u0053D"', 'null', '"€€€"']);
}

function providerOf(random: Random): string {
  const names = ['"simulator"', '"simulator"', '"wallet"', '"auto"', '"Simulator"', '"stripe"'];
  return random.chance(80) ? random.pick(names) : jsonOf(random);
}

/** @param oddPercent how many names and values are something else than a short text */
function metadataOf(random: Random, oddPercent: number): string {
  if (random.chance(oddPercent / 6)) return jsonOf(random);
  const count = random.chance(oddPercent / 10) ? random.pick([49, 50, 51]) : random.below(4);
  const entry = (n: number): string => {
    const name = random.chance(oddPercent) ? nameOrLimit(random) : `key${n}`;
    const value = random.chance(oddPercent) ? valueOrText(random) : quote(random, goodText(random));
    return random.chance(oddPercent / 30) ? memberOf(random) : `${quote(random, name)}:${value}`;
  };
  return objectOf(random, [...Array(count).keys()].map(entry));
}

function nameOrLimit(random: Random): string {
  return random.chance(70) ? nameOf(random) : textOf(random, random.pick(LIMITS));
}

function valueOrText(random: Random): string {
  return random.chance(50) ? jsonOf(random) : quote(random, textOf(random, random.pick(LIMITS)));
}

function goodText(random: Random): string {
  return random.pick(['', 'order 17', 'naïve café', '中文', '😀', "O'Brien", 'a\nb', '"quoted"']);
}

function renamed(random: Random, name: string): string {
  return random.pick([name.toUpperCase(), `${name} `, `${name}\u0000`, `${name}s`, nameOf(random)]);
}
