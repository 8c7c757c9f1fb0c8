/**
 * What every request's head must keep: no header twice that may come once, no card data. One walk
 * over the headers, since each makes two strings.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { headerHasCardData, queryHasCardData } from './card-data.js';
import { PROBLEMS, type Problem } from './problem.js';
import { onceBit } from './repeated-headers.js';

export function checkHead(req: HttpRequest): Problem | undefined {
  let seen = 0;
  let isRepeated = false;
  let hasCard = queryHasCardData(req.getQuery() ?? '');
  req.forEach((name, value) => {
    const bit = onceBit(name);
    if ((seen & bit) !== 0) isRepeated = true;
    seen |= bit;
    hasCard ||= headerHasCardData(name, value);
  });
  if (isRepeated) return PROBLEMS.headerRepeated;
  return hasCard ? PROBLEMS.cardData : undefined;
}
