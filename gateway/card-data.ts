/**
 * No card data enters: a request that holds any is refused before a byte of it is stored, and
 * the refusal does not repeat it. Webhooks are masked instead (`maskCardData`), for what a
 * provider sends cannot be sent again.
 *
 * Every request passes here, so each check begins with the cheapest question that lets the
 * usual request through.
 */
import { hasCardData, isCardField } from '../engine/core/card-fields.js';

export { maskCardData } from '../engine/core/card-mask.js';

/** Made by the protocol or the edge, not by a person; some are random digits. */
const MADE_BY_MACHINES =
  /^(?:cf-|x-forwarded-|x-amzn-|if-|sec-|accept|content-length$|connection$|date$|host$|x-real-ip$|x-payment-timestamp$|x-payment-checksum$)/;

/** In a body that was parsed from `text`: numbers and codes in names and values, fields by name. */
export function bodyHasCardData(text: string, body: unknown): boolean {
  // An escape hides what it stands for from a look at the text.
  const isPlain = !text.includes('\\');
  if (hasCardData(text)) return true;
  return treeHasCardData(body, isPlain);
}

export type HeaderRule = 'exempt' | 'refuse' | 'look';

/** What a header's name says of its value: nothing of it is stored, but a proxy may log it. */
export function headerRule(name: string): HeaderRule {
  if (MADE_BY_MACHINES.test(name)) return 'exempt';
  return isCardField(name) ? 'refuse' : 'look';
}

/** A path as an error may repeat it: without card data, also when that is percent-encoded. */
export function pathHasCardData(path: string): boolean {
  return hasCardData(path.includes('%') ? decoded(path) : path);
}

/** The query string, as it was sent: nothing of it is stored either. */
export function queryHasCardData(query: string): boolean {
  if (query === '') return false;
  if (hasCardData(decoded(query.replaceAll('+', ' ')))) return true;
  return [...new URLSearchParams(query).keys()].some(isCardField);
}

/** Without recursion: the body may be nested as deep as it is long. */
function treeHasCardData(body: unknown, namesOnly: boolean): boolean {
  const open: unknown[] = [body];
  while (open.length > 0) {
    const it = open.pop();
    if (typeof it === 'string' && !namesOnly && hasCardData(it)) return true;
    if (typeof it !== 'object' || it === null) continue;
    const isList = Array.isArray(it);
    for (const [name, value] of Object.entries(it)) {
      if (!isList && (isCardField(name) || (!namesOnly && hasCardData(name)))) return true;
      open.push(value);
    }
  }
  return false;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
