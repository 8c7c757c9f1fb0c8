/**
 * Classifies each UTF-16 unit for the search for card numbers: a digit of any script, a separator
 * that may stand between two groups of digits, or neither.
 */

/** A digit d is d + 1. */
export const NEITHER = 0;
export const SEPARATOR = 255;
/** The first half of a mathematical digit (U+1D7CE to U+1D7FF). */
export const MATH_LEAD = 254;

/** Where each script of the Basic Multilingual Plane has its zero (Unicode 15, category Nd). */
const ZEROS = [
  ...[0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66],
  ...[0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90],
  ...[0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0],
  0xff10,
];
const SEPARATORS =
  ' \t\n\r-._/,:;|*·\u00a0\u00ad\u061c\u180e\u202f\u205f\u2060\u2212\u3000\ufe58\ufe63\ufeff\uff0d';

export const CLASSES = new Uint8Array(0x10000);
for (const zero of ZEROS)
  for (let digit = 0; digit < 10; digit++) CLASSES[zero + digit] = digit + 1;
for (const separator of SEPARATORS) CLASSES[separator.charCodeAt(0)] = SEPARATOR;
// Spaces and zero-width characters, then dashes.
CLASSES.fill(SEPARATOR, 0x2000, 0x2016);
CLASSES.fill(SEPARATOR, 0x2028, 0x2030);
CLASSES[0xd835] = MATH_LEAD;

/** @returns a mathematical digit's value + 1, or NEITHER @param unit the second half */
export function mathDigit(unit: number): number {
  return unit >= 0xdfce && unit <= 0xdfff ? ((unit - 0xdfce) % 10) + 1 : NEITHER;
}
