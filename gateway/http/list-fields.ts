/**
 * Parses header fields that are lists: Prefer (RFC 7240), If-None-Match (RFC 9110, 13.1.2) and the
 * tokens of Connection. A field that cannot be parsed is ignored; the answer is then still
 * correct, only longer.
 */

/** Longer than any client's; it bounds the work for one field. */
const FIELD_CHARS_MAX = 4_096;
/** One element of the list, which may be empty, and the comma behind it. */
const ENTITY_TAG = /[ \t]*(?:(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)/y;

/** Weak comparison, as If-None-Match asks for. @param tag quoted, without `W/` */
export function matchesTag(ifNoneMatch: string, tag: string): boolean {
  if (ifNoneMatch === '' || ifNoneMatch.length > FIELD_CHARS_MAX) return false;
  if (ifNoneMatch === tag || ifNoneMatch.trim() === '*') return true;
  ENTITY_TAG.lastIndex = 0;
  let isFound = false;
  while (ENTITY_TAG.lastIndex < ifNoneMatch.length) {
    const match = ENTITY_TAG.exec(ifNoneMatch);
    if (match === null) return false;
    isFound ||= match[1] === tag;
  }
  return isFound;
}

/**
 * The seconds of `Prefer: wait=N`; 0 when that is not asked for. A comma separates preferences,
 * a semicolon the parameters of one; of a preference that is given twice the first counts.
 */
export function preferredWait(prefer: string): number {
  if (prefer === '' || prefer.length > FIELD_CHARS_MAX) return 0;
  for (const preference of splitUnquoted(prefer, ',')) {
    const [first = ''] = splitUnquoted(preference, ';');
    const match = /^[ \t]*wait(?:[ \t]*=[ \t]*("?)(\d*)\1)?[ \t]*$/i.exec(first);
    if (match) return Math.min(Number(match[2] ?? 0), Number.MAX_SAFE_INTEGER);
    if (/^[ \t]*wait[ \t]*(?:=|$)/i.test(first)) return 0;
  }
  return 0;
}

/** Whether a list of tokens has this one, in any case. @param token in lower case */
export function hasToken(list: string, token: string): boolean {
  if (list === '') return false;
  const text = list.toLowerCase();
  return text === token || text.split(',').some((element) => element.trim() === token);
}

/** Splits at a character outside of quoted strings (RFC 9110, 5.6.4). */
function splitUnquoted(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted && character === '\\') at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && character === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}
