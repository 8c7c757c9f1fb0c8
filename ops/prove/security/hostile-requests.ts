/**
 * Requests that try to be read differently by nginx and by the engine, or to be more than
 * either can hold. Each is raw bytes for one connection and what its first answer must be.
 * An id that begins with `smuggled` must never exist afterwards.
 */
import { VISA } from '../../testing/checkout-client.js';

export interface Hostile {
  readonly name: string;
  readonly bytes: Buffer;
  /** The first answer's status; 0: the connection just ends. */
  readonly status: number;
}

const BODY = JSON.stringify(VISA);
const JSON_TYPE = 'Content-Type: application/json';
const LENGTH = `Content-Length: ${BODY.length}`;
const ID = 'X-PAYMENT-CHECKOUT-ID: hostile';
const CHUNKED = 'Transfer-Encoding: chunked';
const SMUGGLED = request(
  'POST /payments',
  ['X-PAYMENT-CHECKOUT-ID: smuggled', JSON_TYPE, LENGTH],
  BODY,
);

/** @param headers of a merchant that may pay: what is refused is the request, not its sender */
export function hostileRequests(headers: Readonly<Record<string, string>>): Hostile[] {
  const own = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const post: Post = (more, body) => request('POST /payments', [...own, ...more], body);
  const get: Get = (line, more = []) => request(line, [...own, ...more]);
  return [
    ...framing(post),
    ...lengths(post),
    ...repeated(post, get),
    ...ids(post),
    ...paths(get),
    ...sizes(post, get),
    ...lines(post, get),
  ];
}

type Post = (headers: readonly string[], body?: string) => string;
type Get = (line: string, headers?: readonly string[]) => string;

function framing(post: Post): Hostile[] {
  const chunks = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n`;
  const inner = `0\r\n\r\n${SMUGGLED}`;
  return [
    is('CL.TE', 400, post([ID, JSON_TYPE, `Content-Length: ${inner.length}`, CHUNKED], inner)),
    is(
      'TE.CL',
      400,
      post([ID, JSON_TYPE, CHUNKED, 'Content-Length: 4'], `${chunks(BODY)}\r\n${SMUGGLED}`),
    ),
    is(
      'two Transfer-Encodings',
      400,
      post([ID, JSON_TYPE, CHUNKED, 'Transfer-Encoding: identity'], inner),
    ),
    is(
      'an unknown Transfer-Encoding',
      501,
      post([ID, JSON_TYPE, 'Transfer-Encoding: xchunked'], inner),
    ),
    is(
      'a list of Transfer-Encodings',
      501,
      post([ID, JSON_TYPE, 'Transfer-Encoding: gzip, chunked'], inner),
    ),
    is(
      'white space before the colon',
      400,
      post([ID, JSON_TYPE, 'Transfer-Encoding : chunked', LENGTH], BODY),
    ),
    is(
      'a folded header',
      400,
      post([ID, JSON_TYPE, 'Transfer-Encoding:\r\n chunked', LENGTH], BODY),
    ),
  ];
}

function lengths(post: Post): Hostile[] {
  const chunks = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n`;
  return [
    is('two lengths', 400, post([ID, JSON_TYPE, LENGTH, 'Content-Length: 0'], BODY)),
    is('the same length twice', 400, post([ID, JSON_TYPE, LENGTH, LENGTH], BODY)),
    ...['+5', '-1', '5 5', '0x10', '5,5', '9'.repeat(30)].map((text) =>
      is(`length ${text.slice(0, 8)}`, 400, post([ID, JSON_TYPE, `Content-Length: ${text}`], BODY)),
    ),
    ...['-1', 'fffffffffffffffff', 'zz', '5 5'].map((text) =>
      is(
        `chunk of ${text.slice(0, 8)}`,
        400,
        post([ID, JSON_TYPE, CHUNKED], `${text}\r\n${BODY}\r\n0\r\n\r\n`),
      ),
    ),
    is(
      'an id in a trailer',
      202,
      post(
        [ID, JSON_TYPE, CHUNKED, 'Trailer: X-PAYMENT-CHECKOUT-ID'],
        `${chunks(BODY)}X-PAYMENT-CHECKOUT-ID: smuggled\r\nContent-Length: 5\r\n\r\n`,
      ),
    ),
    is(
      'h2c upgrade',
      202,
      post(
        [
          ID,
          JSON_TYPE,
          LENGTH,
          'Upgrade: h2c',
          'Connection: Upgrade, HTTP2-Settings',
          'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
        ],
        BODY,
      ),
    ),
  ];
}

function repeated(post: Post, get: Get): Hostile[] {
  return [
    is('two ids', 400, post([ID, 'X-PAYMENT-CHECKOUT-ID: smuggled', JSON_TYPE, LENGTH], BODY)),
    is('the same id twice', 400, post([ID, ID, JSON_TYPE, LENGTH], BODY)),
    is(
      'two keys',
      400,
      post([ID, JSON_TYPE, LENGTH, 'Authorization: Bearer a', 'Authorization: Bearer b'], BODY),
    ),
    is('two content types', 400, post([ID, JSON_TYPE, 'Content-Type: text/plain', LENGTH], BODY)),
    is('two hosts', 400, post([ID, JSON_TYPE, LENGTH, 'Host: other'], BODY)),
    is('another id in the path', 400, get('GET /payments/other', [ID])),
    is(
      'two keys on a read',
      400,
      get('GET /payments/other', ['Authorization: Bearer a', 'Authorization: Bearer b']),
    ),
  ];
}

function ids(post: Post): Hostile[] {
  const bad = [
    'a\x80',
    'a\xff',
    'é',
    'a\0b',
    'a\x01',
    'a\tb',
    'a/b',
    'a%62',
    'a.b',
    '"a"',
    'a'.repeat(65),
    '',
    ' ',
  ];
  return [
    ...bad.map((id) =>
      is(
        `id ${JSON.stringify(id.slice(0, 8))}`,
        400,
        post([`X-PAYMENT-CHECKOUT-ID: ${id}`, JSON_TYPE, LENGTH], BODY),
      ),
    ),
    is(
      'an id with underscores in its name',
      400,
      post(['X_PAYMENT_CHECKOUT_ID: smuggled', JSON_TYPE, LENGTH], BODY),
    ),
  ];
}

function paths(get: Get): Hostile[] {
  const bad = [
    '/payments/%61',
    '/payments/a%00',
    '/payments/a%0d%0aX:%20b',
    '/payments/a/../b',
    '/payments/a//cancel',
    '/payments/a;x',
    '/payments/a%',
    '/payments/a%zz',
    '/payments//',
  ];
  const nowhere = [
    '/metrics',
    '/readyz',
    '/config',
    '/payments/../metrics',
    '/payments/..%2fmetrics',
    '/payments/..',
    '/_problem/not_found',
    '/webhooks/psp/../../metrics',
  ];
  return [
    ...bad.map((path) => is(path, 400, get(`GET ${path}`))),
    ...nowhere.map((path) => is(path, 404, get(`GET ${path}`))),
    is('out of the root', 400, get('GET /../../etc/passwd')),
    is('out of the root, encoded', 400, get('GET /%2e%2e/metrics')),
    is('a backslash', 404, get('GET /payments\\a')),
    is('another scheme', 404, get('GET http://127.0.0.1/metrics')),
  ];
}

function sizes(post: Post, get: Get): Hostile[] {
  const huge = `${(1 << 20).toString(16)}\r\n${'a'.repeat(1 << 20)}\r\n0\r\n\r\n`;
  return [
    is('a long path', 414, get(`GET /payments/${'a'.repeat(20_000)}`)),
    is('a long query', 414, get(`GET /payments/a?${'a'.repeat(20_000)}`)),
    is('a large header', 431, get('GET /payments/a', [`X-Big: ${'a'.repeat(20_000)}`])),
    is(
      'many headers',
      431,
      get(
        'GET /payments/a',
        Array.from({ length: 500 }, (_, i) => `X-${i}: ${'a'.repeat(50)}`),
      ),
    ),
    is('a large body', 413, post([ID, JSON_TYPE, 'Content-Length: 1048576'], 'a'.repeat(20_000))),
    is('a large body in chunks', 413, post([ID, JSON_TYPE, CHUNKED], huge)),
    is(
      'a large webhook',
      413,
      request('POST /webhooks/psp/simulator', ['Content-Length: 1048576'], 'a'.repeat(1_000)),
    ),
  ];
}

function lines(post: Post, get: Get): Hostile[] {
  const whole = post([ID, JSON_TYPE, LENGTH], BODY);
  return [
    is('no HTTP at all', 400, 'hello\r\n\r\n'),
    is('HTTP/0.9', 0, 'GET /payments/a\r\n'),
    is('HTTP/3.1', 505, whole.replace('HTTP/1.1', 'HTTP/3.1')),
    is('HTTP/1.1x', 400, whole.replace('HTTP/1.1', 'HTTP/1.1x')),
    is('no host', 400, whole.replace('Host: edge\r\n', '')),
    is('TRACE', 405, get('TRACE /payments/a')),
    is('CONNECT', 400, get('CONNECT 127.0.0.1:22')),
    is('a method of another case', 400, get('get /payments/a')),
    is('NUL in the request line', 400, get('GET /payments/a\0b')),
    is(
      'a carriage return alone',
      400,
      get('GET /payments/a', ['X-A: b\rX-PAYMENT-CHECKOUT-ID: smuggled']),
    ),
    is('PUT', 405, get('PUT /payments/a')),
    is('DELETE', 405, get('DELETE /payments')),
  ];
}

function is(name: string, status: number, bytes: string): Hostile {
  return { name, bytes: Buffer.from(bytes, 'latin1'), status };
}

function request(line: string, headers: readonly string[], body = ''): string {
  const all = [`${line} HTTP/1.1`, 'Host: edge', 'Connection: close', ...headers];
  return `${all.join('\r\n')}\r\n\r\n${body}`;
}
