/**
 * A webhook's body as it is kept: without card data, but with the names by which a processor
 * finds the payment and its charge as they came.
 */
import { keepNames } from '../../engine/core/kept-names.js';
import { maskCardData } from '../card-data.js';

/** @param event what the body says */
export function masked(body: Buffer, event: unknown): Buffer {
  const { buffer, byteOffset, byteLength } = maskCardData(body);
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (bytes.equals(body)) return bytes;
  const tree = JSON.parse(bytes.toString('utf8')) as unknown;
  return keepNames(event, tree) ? Buffer.from(JSON.stringify(tree)) : bytes;
}
