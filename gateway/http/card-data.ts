/**
 * Refuses requests with card data before a byte is stored; the refusal does not repeat the data.
 * Webhooks are masked instead (`maskCardData`), because a provider cannot be asked to send them
 * again.
 *
 * Every request passes here, so each check starts with the cheapest test that passes a usual
 * request.
 */
import { hasCardData, isCardField } from '../../engine/card-data/card-fields.js';

export { maskCardData } from '../../engine/card-data/card-mask.js';

/** A body that fits the schema has fewer names; one with more is refused for that. */
const NAMES_MAX = 128;

/**
 * Numbers and codes in a body, and fields by their name.
 * @param text the body's JSON @param body what was parsed from it
 */
export function bodyHasCardData(text: string, body: unknown): boolean {
  // An escape hides what it stands for, so then the strings of the tree are looked at instead.
  const isPlain = !text.includes('\\');
  return (isPlain && hasCardData(text)) || treeHasCardData(body, isPlain);
}

/** A path as an error may repeat it: without card data, also when that is percent-encoded. */
export function pathHasCardData(path: string): boolean {
  return hasCardData(path.includes('%') ? decoded(path) : path);
}

/** The query string, as it was sent: nothing of it is stored, but a proxy may log it. */
export function queryHasCardData(query: string): boolean {
  if (query === '') return false;
  if (hasCardData(decoded(query.replaceAll('+', ' ')))) return true;
  return [...new URLSearchParams(query).keys()].some(isCardField);
}

/** Without recursion: the body may be nested as deep as it is long. */
function treeHasCardData(body: unknown, namesOnly: boolean): boolean {
  const open: unknown[] = [body];
  let names = 0;
  while (open.length > 0) {
    const value = open.pop();
    if (!namesOnly && isText(value) && hasCardData(`${value}`)) return true;
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value)) {
      for (const item of value) open.push(item);
      continue;
    }
    for (const name in value) {
      if (++names > NAMES_MAX && namesOnly) return false;
      if (names <= NAMES_MAX && isCardField(name)) return true;
      if (!namesOnly && hasCardData(name)) return true;
      open.push((value as Record<string, unknown>)[name]);
    }
  }
  return false;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
