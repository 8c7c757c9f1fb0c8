/**
 * What a request's headers say, and what every head must keep: no header twice that may come
 * once, no card data. One walk over the headers, since each look for one by name walks them too.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { hasCardData } from '../engine/core/card-fields.js';
import { remembered } from '../engine/core/remembered.js';
import { type HeaderRule, headerRule, queryHasCardData } from './card-data.js';
import { PROBLEMS, type Problem } from './problem.js';

/** The headers that we read; '' when absent. Of one that comes twice, the first. */
export class Head {
  checkoutId = '';
  authorization = '';
  timestamp = '';
  checksum = '';
  contentType = '';
  contentLength = '';
  transferEncoding = '';
  ifNoneMatch = '';
  prefer = '';
  problem: Problem | undefined;
}

type Field = Exclude<keyof Head, 'problem'>;

const FIELDS = new Map<string, Field>([
  ['x-payment-checkout-id', 'checkoutId'],
  ['authorization', 'authorization'],
  ['x-payment-timestamp', 'timestamp'],
  ['x-payment-checksum', 'checksum'],
  ['content-type', 'contentType'],
  ['content-length', 'contentLength'],
  ['transfer-encoding', 'transferEncoding'],
  ['if-none-match', 'ifNoneMatch'],
  ['prefer', 'prefer'],
]);
/**
 * Headers that name the payment or speak for its caller. Sent twice, each party on the way could
 * read another one; so such a request is refused, not interpreted.
 */
const ONCE = [
  'x-payment-checkout-id',
  'authorization',
  'x-payment-checksum',
  'x-payment-timestamp',
  'idempotency-key',
  'content-type',
  'content-length',
];

interface Traits {
  readonly field: Field | undefined;
  /** Of a header that may come once; 0 for every other. */
  readonly onceBit: number;
  readonly rule: HeaderRule;
}

/** The same few names come in every request. */
const KNOWN_NAMES_MAX = 256;
const traitsOf = remembered(KNOWN_NAMES_MAX, (name): Traits => {
  const once = ONCE.indexOf(name);
  const onceBit = once < 0 ? 0 : 1 << once;
  return { field: FIELDS.get(name), onceBit, rule: headerRule(name) };
});

export function readHead(req: HttpRequest): Readonly<Head> {
  const head = new Head();
  let seen = 0;
  let isRepeated = false;
  let hasCard = queryHasCardData(req.getQuery() ?? '');
  req.forEach((name, value) => {
    const { field, onceBit, rule } = traitsOf(name);
    if ((seen & onceBit) !== 0) isRepeated = true;
    seen |= onceBit;
    if (field !== undefined && head[field] === '') head[field] = value;
    hasCard ||= rule === 'refuse' || (rule === 'look' && hasCardData(value));
  });
  if (isRepeated) head.problem = PROBLEMS.headerRepeated;
  else if (hasCard) head.problem = PROBLEMS.cardData;
  return head;
}
