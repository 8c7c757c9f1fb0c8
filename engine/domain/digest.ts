/**
 * Whether a number stands inside a UUID or a random hexadecimal digest. A long random text holds a
 * valid card number now and then; refusing it would refuse honest ids.
 */

const DIGEST_LENGTHS = [32, 40, 48, 56, 64, 96, 128];
const TOKEN_CHARACTERS_MAX = 128;
const UUID_CHARACTERS = 36;
const UUID_DASHES = [8, 13, 18, 23];
/** Of a random digest 0.625 are decimal digits; a word or a card's track data is far from that. */
const DECIMAL_SHARE: readonly [min: number, max: number] = [0.4, 0.85];
const REST_MIN = 12;
const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * @param units of the text, UTF-16, with a zero behind them
 * @param start of the number @param end behind its last digit
 */
export function isInDigest(units: Uint16Array, start: number, end: number): boolean {
  const from = Math.max(0, end - TOKEN_CHARACTERS_MAX);
  let low = start;
  while (low > from && isTokenUnit(units[low - 1]!)) low--;
  let high = end;
  while (high - low <= TOKEN_CHARACTERS_MAX && isTokenUnit(units[high]!)) high++;
  if (high - low === UUID_CHARACTERS)
    return UUID_DASHES.every((offset) => units[low + offset] === DASH);
  return DIGEST_LENGTHS.includes(high - low) && looksRandom(units, low, high, start, end);
}

/** The characters of [low, high) around the number are hexadecimal digits as chance gives them. */
function looksRandom(
  units: Uint16Array,
  low: number,
  high: number,
  start: number,
  end: number,
): boolean {
  let decimal = 0;
  for (let i = low; i < high; i++) {
    const unit = units[i]!;
    if (unit === DASH) return false;
    if (unit <= NINE && (i < start || i >= end)) decimal++;
  }
  const rest = high - low - (end - start);
  const share = decimal / rest;
  return rest >= REST_MIN && share >= DECIMAL_SHARE[0] && share <= DECIMAL_SHARE[1];
}

/** A hexadecimal digit of either case, or a dash. */
function isTokenUnit(unit: number): boolean {
  const letter = unit | 0x20;
  return (unit >= ZERO && unit <= NINE) || (letter >= 0x61 && letter <= 0x66) || unit === DASH;
}
