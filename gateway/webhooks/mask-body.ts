/**
 * The stored form of a webhook's body: card data is masked, and the names that identify the
 * payment and its charge are kept. The parsed tree is stored, serialised again: the original bytes
 * could hide card data behind a duplicate name, and a parser keeps only the last one.
 */
import { keepNames } from '../../engine/util/verbatim-names.js';
import { maskCardData } from '../http/card-data.js';

/** @param event what the body says @returns may be longer than the body: 1e20 becomes 21 digits */
export function masked(body: Buffer, event: unknown): Buffer {
  const tree = JSON.parse(Buffer.from(maskCardData(body)).toString('utf8')) as unknown;
  keepNames(event, tree);
  return Buffer.from(JSON.stringify(tree));
}
