/**
 * Reads the headers of a request in one pass and checks what every request must keep: no header
 * twice that may occur once, and no card data in what is logged or passed on. Several lines of a
 * list header form one list (RFC 9110, 5.3).
 */
import type { HttpRequest } from 'uWebSockets.js';
import { hasCardData } from '../../engine/card-data/card-fields.js';
import { remembered } from '../../engine/util/memoize.js';
import { queryHasCardData } from './card-data.js';
import { PROBLEMS, type Problem } from './problem.js';

/** The headers that we read; '' when absent. Of one that is no list and comes twice, the first. */
export class Head {
  checkoutId = '';
  authorization = '';
  timestamp = '';
  checksum = '';
  contentType = '';
  contentEncoding = '';
  contentLength = '';
  transferEncoding = '';
  ifNoneMatch = '';
  prefer = '';
  connection = '';
  tracestate = '';
  realIp = '';
  query = '';
  isRepeated = false;
}

type Field = Exclude<keyof Head, 'query' | 'isRepeated'>;

const FIELDS = new Map<string, Field>([
  ['x-payment-checkout-id', 'checkoutId'],
  ['authorization', 'authorization'],
  ['x-payment-timestamp', 'timestamp'],
  ['x-payment-checksum', 'checksum'],
  ['content-type', 'contentType'],
  ['content-encoding', 'contentEncoding'],
  ['content-length', 'contentLength'],
  ['transfer-encoding', 'transferEncoding'],
  ['if-none-match', 'ifNoneMatch'],
  ['prefer', 'prefer'],
  ['connection', 'connection'],
  ['tracestate', 'tracestate'],
  ['x-real-ip', 'realIp'],
]);
const LISTS: ReadonlySet<string> = new Set([
  'content-encoding',
  'transfer-encoding',
  'if-none-match',
  'prefer',
  'connection',
  'tracestate',
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
  readonly isList: boolean;
  /** Of a header that may come once; 0 for every other. */
  readonly onceBit: number;
}

/** The same few names come in every request. */
const KNOWN_NAMES_MAX = 256;
const traitsOf = remembered(KNOWN_NAMES_MAX, (name): Traits => {
  const once = ONCE.indexOf(name);
  const onceBit = once < 0 ? 0 : 1 << once;
  return { field: FIELDS.get(name), isList: LISTS.has(name), onceBit };
});

export function readHead(req: HttpRequest): Readonly<Head> {
  const head = new Head();
  let seen = 0;
  head.query = req.getQuery() ?? '';
  req.forEach((name, value) => {
    const { field, isList, onceBit } = traitsOf(name);
    if ((seen & onceBit) !== 0) head.isRepeated = true;
    seen |= onceBit;
    if (field !== undefined) {
      if (head[field] === '') head[field] = value;
      else if (isList) head[field] += `, ${value}`;
    }
  });
  return head;
}

/**
 * What forbids a head of a known caller. Only what may be logged or passed on is searched for card
 * data: of the headers that is `tracestate`. The id and the body have checks of their own.
 */
export function checkHead(head: Head): Problem | undefined {
  if (head.isRepeated) return PROBLEMS.headerRepeated;
  const hasCard = queryHasCardData(head.query) || hasCardData(head.tracestate);
  return hasCard ? PROBLEMS.cardData : undefined;
}

/** uWebSockets.js undoes chunks, and passes a body in any other transfer coding as it came. */
export function isUncoded({ transferEncoding }: Head): boolean {
  return transferEncoding === '' || transferEncoding.toLowerCase() === 'chunked';
}
