/**
 * A webhook's body as it is kept: without card data, but with the names by which a processor
 * finds the payment and its charge as they came. What is kept is the parsed tree, written anew: the
 * bytes may hide card data behind a name that is given twice, of which the tree has the last only.
 */
import { keepNames } from '../../engine/util/verbatim-names.js';
import { maskCardData } from '../http/card-data.js';

/** @param event what the body says @returns may be longer than the body: 1e20 becomes 21 digits */
export function masked(body: Buffer, event: unknown): Buffer {
  const tree = JSON.parse(Buffer.from(maskCardData(body)).toString('utf8')) as unknown;
  keepNames(event, tree);
  return Buffer.from(JSON.stringify(tree));
}
