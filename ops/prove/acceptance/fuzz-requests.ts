/**
 * Requests for the public API: odd bodies in good requests, odd heads, odd framing, and requests
 * of a grammar that knows only HTTP. A case is a function of the run's seed and its number.
 */
import { bytesOfCheckout, goodCheckout, oddCheckout } from './fuzz-bodies.js';
import { bytesOf, documentOf, nameOf, textOf } from './fuzz-grammar.js';
import { chunked, type Draft, type RawRequest, write } from './fuzz-message.js';
import type { Random } from './fuzz-random.js';

export interface RequestCase extends RawRequest {
  /** The client goes away in the middle of the request. */
  readonly isAbandoned: boolean;
}

const METHODS = [
  ...['GET', 'POST', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'],
  ...['get', 'Post', 'QUERY', 'PROPFIND', 'M-SEARCH', 'X', '', 'G ET', 'GET\t', 'POST\u0000'],
];
const VERSIONS = ['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 x', ''];
const FIELD_NAMES = [
  ...['Accept', 'Accept-Encoding', 'Authorization', 'Connection', 'Content-Encoding', 'Cookie'],
  ...['Content-Length', 'Content-Type', 'Date', 'Expect', 'Host', 'If-Match', 'If-None-Match'],
  ...['Idempotency-Key', 'Keep-Alive', 'Prefer', 'Range', 'TE', 'Transfer-Encoding', 'Upgrade'],
  ...['X-Forwarded-For', 'X-HTTP-Method-Override', 'X-PAYMENT-CHECKOUT-ID', 'X-Real-IP'],
  ...['X-PAYMENT-CHECKSUM', 'X-PAYMENT-TIMESTAMP', 'X-PSP-Signature', 'Stripe-Signature'],
];
const FIELD_VALUES = [
  ...[
    '',
    '0',
    '-1',
    '*',
    'a',
    'chunked',
    'gzip',
    'identity',
    'close',
    'keep-alive',
    '"v0"',
    '"v1"',
  ],
  ...['W/"v1"', 'wait=0', 'wait=1', 'wait="1"', 'wait=-1', 'wait', 'bytes=0-1', 'Bearer a'],
  ...['application/json; charset=utf-16', 'APPLICATION/JSON', 'text/plain', '100-continue'],
  ...['application/json;', 'application/json, text/plain', 'sha256=00', '1700000000', 'h2c'],
];
const PATHS = [
  ...['/payments', '/payments/', '/payments/ID', '/payments/ID/', '/payments/ID/refunds', '/'],
  ...['/webhooks/psp/simulator', '/webhooks/psp/stripe', '/webhooks/psp/', '/webhooks/psp/x/y/z'],
  ...['/webhooks/psp/simulator/default/ID', '/PAYMENTS', '//payments', '/payments//ID', '*', ''],
];

const CHUNK_ENDS = ['0\r\nX: y\r\n\r\n', '', '0\r\n', '-1\r\n\r\n'];

/** @param knownId of an earlier case, which may have become a payment */
export function requestCase(random: Random, id: string, knownId: string): RequestCase {
  const { draft, isFramed } = random.oneOf<{ draft: Draft; isFramed: boolean }>([
    [46, () => framed(postOf(id, oddCheckout(random, id)))],
    [8, () => framed(postOf(id, bytesOfCheckout(random, goodCheckout(random, id))))],
    [6, () => framed(postOf(id, bytesOf(random, documentOf(random), 10)))],
    [10, () => framed(oddHead(random, postOf(id, goodBody(random, id))))],
    [10, () => framed(oddHead(random, getOf(knownId)))],
    [8, () => oddFraming(random, postOf(id, goodBody(random, id)))],
    [12, () => framed(grammarRequest(random, id))],
  ]);
  const bytes = write(isFramed ? withLength(draft) : draft);
  const isAbandoned = random.chance(1);
  const cuts = random.chance(3) ? [1 + random.below(bytes.length - 1)] : [];
  if (!isAbandoned) return { bytes, cuts, isAbandoned };
  return { bytes: bytes.subarray(0, 1 + random.below(bytes.length)), cuts: [], isAbandoned };
}

/** A request and the same with a Content-Length of its body, unless it has one. */
function withLength(draft: Draft): Draft {
  const hasLength = draft.headers.some(([name]) => /^(content-length|transfer-enc)/i.test(name));
  if (draft.body.length === 0 || hasLength) return draft;
  return { ...draft, headers: [...draft.headers, ['Content-Length', `${draft.body.length}`]] };
}

function framed(draft: Draft): { draft: Draft; isFramed: boolean } {
  return { draft, isFramed: true };
}

export function postOf(id: string, body: Buffer): Draft {
  return {
    ...{ method: 'POST', target: '/payments', version: 'HTTP/1.1', body },
    headers: [
      ['Host', 'fuzz'],
      ['X-PAYMENT-CHECKOUT-ID', id],
      ['Content-Type', 'application/json'],
    ],
  };
}

export function getOf(id: string): Draft {
  const target = `/payments/${id}`;
  const headers: Draft['headers'] = [['Host', 'fuzz']];
  return { method: 'GET', target, version: 'HTTP/1.1', headers, body: Buffer.alloc(0) };
}

/** A request as a client sends it that has nothing odd about it. */
export function bytesOfDraft(draft: Draft): Buffer {
  return write(withLength(draft));
}

function goodBody(random: Random, id: string): Buffer {
  return bytesOfCheckout(random, goodCheckout(random, id));
}

/** One or two changes to the request line or the fields. */
function oddHead(random: Random, draft: Draft): Draft {
  const odd = withOddity(random, draft);
  return random.chance(50) ? withOddity(random, odd) : odd;
}

function withOddity(random: Random, draft: Draft): Draft {
  const { headers, target } = draft;
  const at = random.below(headers.length);
  const [name, value] = headers[at]!;
  const as = (fields: Draft['headers']): Draft => ({ ...draft, headers: fields });
  return random.oneOf<Draft>([
    [25, () => as([...headers, [name, random.chance(50) ? value : fieldValue(random)]])],
    [25, () => as([...headers, [fieldName(random), fieldValue(random)]])],
    [15, () => as(headers.with(at, [name, fieldValue(random)]))],
    [5, () => as(headers.length === 1 ? headers : headers.toSpliced(at, 1))],
    [5, () => as(headers.with(at, [name.toLowerCase(), ` ${value}\t`]))],
    [10, () => ({ ...draft, target: targetOf(random, target) })],
    [5, () => ({ ...draft, method: random.pick(METHODS) })],
    [2, () => ({ ...draft, version: random.pick(VERSIONS) })],
    [2, () => as([...headers, ...manyFields(random)])],
  ]);
}

function grammarRequest(random: Random, id: string): Draft {
  const path = random.chance(60) ? random.pick(PATHS).replace('ID', id) : pathOf(random);
  const headers = random.times(random.below(8), (): [string, string] => [
    fieldName(random),
    fieldValue(random),
  ]);
  if (random.chance(95)) headers.unshift(['Host', random.chance(95) ? 'fuzz' : fieldValue(random)]);
  // Every header twice.
  if (random.chance(15))
    headers.push(...headers.map(([name, value]) => [name, value] as [string, string]));
  const body = random.chance(60) ? bytesOf(random, documentOf(random), 10) : Buffer.alloc(0);
  return {
    ...{ headers, body, target: targetOf(random, path) },
    method: random.chance(75) ? random.pick(['GET', 'POST', 'HEAD']) : random.pick(METHODS),
    version: random.chance(96) ? 'HTTP/1.1' : random.pick(VERSIONS),
  };
}

/** @returns false as `isFramed` when the length must stay as it is */
function oddFraming(random: Random, draft: Draft): { draft: Draft; isFramed: boolean } {
  const { body } = draft;
  const at = random.below(body.length + 1);
  const chunks = (end?: string): Buffer => chunked([body.subarray(0, at), body.subarray(at)], end);
  const as = (name: string, value: string, content = body): Draft => ({
    ...draft,
    headers: [...draft.headers, [name, value]],
    body: content,
  });
  const blanks = (): Buffer => Buffer.alloc(random.pick([10, 16_000, 17_000, 300_000]), ' ');
  const kept = (entry: Draft): { draft: Draft; isFramed: boolean } => ({
    draft: entry,
    isFramed: false,
  });
  return random.oneOf<{ draft: Draft; isFramed: boolean }>([
    [40, () => kept(as('Transfer-Encoding', 'chunked', chunks()))],
    [5, () => kept(as('Transfer-Encoding', 'chunked', chunks(random.pick(CHUNK_ENDS))))],
    [10, () => kept(as('Content-Length', lengthOf(random, body.length)))],
    [5, () => kept(as('Content-Length', `${body.length}`, Buffer.concat([body, body])))],
    [5, () => kept(as('Transfer-Encoding', fieldValue(random)))],
    [5, () => kept(draft)],
    [10, () => framed(as('Content-Encoding', random.pick(['gzip', 'br', 'identity'])))],
    [20, () => framed({ ...draft, body: Buffer.concat([body, blanks()]) })],
  ]);
}

function lengthOf(random: Random, length: number): string {
  return random.pick([
    ...[`${length - 1}`, `${length + 1}`, `+${length}`, `0${length}`, `0x${length.toString(16)}`],
    ...['', '-1', '0', '1e2', '9999999999', '99999999999999999999', `${length}, ${length}`],
  ]);
}

/** Names that the HTTP library does not answer at all are rare: each costs its time limit. */
function fieldName(random: Random): string {
  if (random.chance(75)) return random.pick(FIELD_NAMES);
  if (random.chance(90)) return `X-${random.below(1_000)}`;
  return latin1Line(nameOf(random)).replace(/[:\s]/g, '');
}

function fieldValue(random: Random): string {
  if (random.chance(70)) return random.pick(FIELD_VALUES);
  const text = latin1Line(random.chance(90) ? textOf(random) : textOf(random, 5_000));
  return random.chance(97) ? text.replace(/\p{Cc}/gu, '') : text;
}

function manyFields(random: Random): [string, string][] {
  const count = random.pick([20, 80, 120]);
  return [...Array(count).keys()].map((n) => [`X-${n}`, 'a']);
}

function targetOf(random: Random, path: string): string {
  return random.oneOf<string>([
    [60, () => path],
    [10, () => `${path}?${encoded(random, textOf(random))}`],
    [10, () => `${path}/${encoded(random, textOf(random))}`],
    [
      5,
      () =>
        `${path}${random.pick(['%00', '%', '%zz', '/..', '/%2e%2e', ';a', '#a', '\\', '\xff'])}`,
    ],
    [1, () => `http://fuzz${path}`],
    [2, () => path.repeat(random.pick([2, 50, 500]))],
    [10, () => pathOf(random)],
  ]);
}

function pathOf(random: Random): string {
  const segments = random.times(random.below(4), () => encoded(random, nameOf(random)));
  return `/${segments.join('/')}`;
}

/** Percent-encoded, mostly. */
function encoded(random: Random, text: string): string {
  const utf8 = Buffer.from(text).toString('latin1');
  if (random.chance(10)) return utf8.replace(/[\s\p{Cc}]/gu, '');
  return utf8.replace(
    /[^A-Za-z0-9_-]/g,
    (name) => `%${name.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function latin1Line(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[\r\n]/g, '');
}
