/**
 * Which card numbers a brand could have issued: by the first four digits, a set of lengths. The
 * prefixes are those that the brands publish; the lengths are those that they issue today.
 *
 * Two sets, because a number without separators is often no card: of random 19-digit ids one in a
 * hundred would be a Visa number. So 19 digits of Visa and 17 to 19 of Discover count only when
 * they are written in groups.
 */
interface Brand {
  /** Ranges of the first four digits, both ends included. */
  readonly prefixes: readonly (readonly [from: number, to: number])[];
  readonly lengths: readonly number[];
  /** Counted only when the number is written in groups. */
  readonly groupedLengths?: readonly number[];
}

export const CARD_DIGITS_MIN = 13;
export const CARD_DIGITS_MAX = 19;

const BRANDS: Readonly<Record<string, Brand>> = {
  Visa: { prefixes: [[4000, 4999]], lengths: [13, 16], groupedLengths: [19] },
  Mastercard: {
    prefixes: [
      [5100, 5599],
      [2221, 2720],
    ],
    lengths: [16],
  },
  'American Express': {
    prefixes: [
      [3400, 3499],
      [3700, 3799],
    ],
    lengths: [15],
  },
  'Diners Club': {
    prefixes: [
      [3000, 3059],
      [3095, 3095],
      [3800, 3999],
    ],
    lengths: [14, 16],
  },
  'Diners Club 36': { prefixes: [[3600, 3699]], lengths: [14] },
  Discover: {
    prefixes: [
      [6011, 6011],
      [6440, 6599],
    ],
    lengths: [16],
    groupedLengths: [17, 18, 19],
  },
  JCB: { prefixes: [[3528, 3589]], lengths: [16] },
  UnionPay: { prefixes: [[6200, 6299]], lengths: [16, 17, 18, 19] },
  Maestro: {
    prefixes: [
      [5018, 5018],
      [5020, 5020],
      [5038, 5038],
      [5893, 5893],
      [6304, 6304],
      [6759, 6769],
    ],
    lengths: [13, 14, 15, 16, 17, 18, 19],
  },
  Mir: { prefixes: [[2200, 2204]], lengths: [16] },
  RuPay: {
    prefixes: [
      [5085, 5089],
      [6069, 6085],
      [8172, 8201],
    ],
    lengths: [16],
  },
};

/** By the first four digits: bit n set means that n + 13 digits may be a card number. */
export const WHOLE_LENGTHS = new Uint8Array(10_000);
export const GROUPED_LENGTHS = new Uint8Array(10_000);
for (const { prefixes, lengths, groupedLengths = [] } of Object.values(BRANDS)) {
  for (const [from, to] of prefixes) {
    for (let prefix = from; prefix <= to; prefix++) {
      for (const length of lengths) WHOLE_LENGTHS[prefix]! |= bitOf(length);
      for (const length of [...lengths, ...groupedLengths])
        GROUPED_LENGTHS[prefix]! |= bitOf(length);
    }
  }
}

/**
 * For nginx, which knows no Luhn digit: what a card number in ASCII can look like, as a regular
 * expression of PCRE. It finds all that the search finds in a path, and more; it only decides what
 * a log line shows.
 */
export const CARD_LIKE = cardLike();

function cardLike(): string {
  const separators = '[-/_. ]';
  const firstTwo = new Set<string>();
  for (let prefix = 0; prefix < GROUPED_LENGTHS.length; prefix++)
    if (GROUPED_LENGTHS[prefix] !== 0) firstTwo.add(`${prefix}`.slice(0, 2));
  const rest = CARD_DIGITS_MIN - 4;
  const inGroups = `(?:${[...firstTwo].join('|')})[0-9]{2}(?:${separators}{0,8}[0-9]){${rest}}`;
  const uniform = [1, 2, 3].map((digits) => {
    // The last group may be shorter.
    const groups = Math.floor((CARD_DIGITS_MIN - 1) / digits);
    return `(?:[0-9]{${digits}}${separators}{1,8}){${groups}}[0-9]`;
  });
  return `(?<![0-9])(?:${[inGroups, ...uniform].join('|')})`;
}

export function bitOf(digits: number): number {
  return 1 << (digits - CARD_DIGITS_MIN);
}
