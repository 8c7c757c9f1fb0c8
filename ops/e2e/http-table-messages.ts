/** The table's cases of content (RFC 9110), of framing and of connections (RFC 9112). */
import { gzipSync } from 'node:zlib';
import type { RawAnswer } from '../testing/raw-http.js';
import { CHECKOUT, caseOf, type HttpCase, type LibraryAnswer, type Requests } from './http-case.js';

const JSON_TYPE = 'Content-Type: application/json';
const CHUNKED = 'Transfer-Encoding: chunked';
const LENGTH = `Content-Length: ${CHECKOUT.length}`;
const FIELDS = 100;

export function messageCases({ post }: Requests): HttpCase[] {
  const coded = (name: string, lines: readonly string[], body = CHECKOUT): HttpCase =>
    caseOf(
      '9110, 8.4',
      `Content-Encoding: ${name}`,
      [post([JSON_TYPE, `Content-Length: ${body.length}`, ...lines], body)],
      [415],
      ({ headers }) =>
        headers.get('accept-encoding') === 'identity' ? undefined : 'no Accept-Encoding',
    );
  const zipped = gzipSync(CHECKOUT).toString('latin1');
  const typed = (name: string, lines: readonly string[], status: number): HttpCase =>
    caseOf('9110, 8.3', name, [post([...lines, LENGTH])], [status]);
  return [
    coded('gzip', ['Content-Encoding: gzip'], zipped),
    coded('gzip, but plain', ['Content-Encoding: gzip']),
    coded('identity', ['Content-Encoding: identity']),
    coded('two lines', ['Content-Encoding:', 'Content-Encoding: br']),
    typed('no type', [], 415),
    typed('another type', ['Content-Type: text/plain'], 415),
    typed(
      'a type in another case, with a parameter',
      ['Content-Type: Application/JSON ; a=b'],
      202,
    ),
    typed('two types', [JSON_TYPE, JSON_TYPE], 400),
    caseOf(
      '9110, 8.6',
      'a long body',
      [post([JSON_TYPE, 'Content-Length: 20000'], 'x'.repeat(20_000))],
      [413],
    ),
    caseOf(
      '9110, 10.1.1',
      'Expect: 100-continue',
      [post([JSON_TYPE, LENGTH, 'Expect: 100-continue'], ''), CHECKOUT],
      [100, 202],
    ),
  ];
}

export function framingCases({ of, post, pendingId }: Requests): HttpCase[] {
  const chunk = `${CHECKOUT.length.toString(16)}\r\n${CHECKOUT}\r\n`;
  const chunked = (body: string, coding = CHUNKED): string => post([JSON_TYPE, coding], body);
  const is = (section: string, name: string, parts: readonly string[], status: number) =>
    caseOf(`9112, ${section}`, name, parts, [status]);
  const path = `/payments/${pendingId}`;
  return [
    is('7.1', 'chunks', [chunked(`${chunk}0\r\n\r\n`)], 202),
    is('7.1', 'chunks in parts', [chunked(chunk.slice(0, 9)), chunk.slice(9), '0\r\n\r\n'], 202),
    is(
      '7',
      'a coding in another case',
      [chunked(`${chunk}0\r\n\r\n`, 'Transfer-Encoding: Chunked')],
      202,
    ),
    is(
      '6.1',
      'another coding below chunks',
      [chunked(`${chunk}0\r\n\r\n`, 'Transfer-Encoding: gzip, chunked')],
      501,
    ),
    byLibrary(
      is(
        '7.1.1',
        'a chunk with an extension',
        [chunked(`${chunk.replace('\r\n', ';a=b\r\n')}0\r\n\r\n`)],
        202,
      ),
      'silent',
    ),
    byLibrary(is('7.1.2', 'a trailer', [chunked(`${chunk}0\r\nX-A: b\r\n\r\n`)], 202), 'page 505'),
    is('6.3', 'no length', [post([JSON_TYPE], '')], 411),
    byLibrary(
      is(
        '6.3',
        'length and chunks',
        [post([JSON_TYPE, CHUNKED, 'Content-Length: 4'], `${chunk}0\r\n\r\n`)],
        400,
      ),
      'page 400',
    ),
    byLibrary(
      is('6.3', 'a length that is none', [post([JSON_TYPE, 'Content-Length: +5'])], 400),
      'page 400',
    ),
    is('6.3', 'two lengths', [post([JSON_TYPE, LENGTH, LENGTH])], 400),
    is('6.3', 'a body of GET', [of(`GET ${path}`, ['Content-Length: 3'], 'abc')], 200),
  ];
}

export function headCases({ of, get, pendingId }: Requests): HttpCase[] {
  const is = (section: string, name: string, parts: readonly string[], status: number) =>
    caseOf(`9112, ${section}`, name, parts, [status]);
  const path = `/payments/${pendingId}`;
  return [
    is('2.2', 'a head in two parts', [get().slice(0, -9), get().slice(-9)], 200),
    byLibrary(
      is('2.2', 'a request line in two parts', [get().slice(0, 8), get().slice(8)], 200),
      'page 505',
    ),
    byLibrary(is('2.2', 'an empty line before the request', [`\r\n${get()}`], 200), 'page 505'),
    byLibrary(is('3.2.2', 'the absolute form', [of(`GET http://a${path}`)], 200), 'page 505'),
    byLibrary(is('3.2', 'no Host', [get().replace('Host: a\r\n', '')], 400), 'silent'),
    is('5.1', 'spaces around a value', [get(['X-A: \t b \t'])], 200),
    byLibrary(is('5.1', 'a space before the colon', [get(['X-A : b'])], 400), 'silent'),
    byLibrary(is('5.2', 'a folded line', [get(['X-A: b', ' c'])], 400), 'silent'),
    ...['_', '.', '&', '!'].map((mark) =>
      byLibrary(is('5', `a field name with ${mark}`, [get([`X${mark}A: b`])], 200), 'silent'),
    ),
    manyFields(get),
  ];
}

/** The edge passes them on, and answers once the engine has closed the connection. */
function manyFields(get: Requests['get']): HttpCase {
  const lines = Array.from({ length: FIELDS }, (_, n) => `X-${n}: a`);
  const testCase = caseOf('9112, 5', `${FIELDS} fields`, [get(lines)], [200]);
  return { ...byLibrary(testCase, 'silent'), edge: [503] };
}

export function connectionCases({ of, get, post, pendingId }: Requests): HttpCase[] {
  const closing = (name: string, bytes: string, status: number): HttpCase =>
    caseOf('9112, 9.6', name, [bytes], [status], announcesClose);
  const close = ['Connection: close'];
  return [
    closing('Connection: close', get(close), 200),
    closing('Connection: close among others', get(['Connection: x, Close']), 200),
    closing(
      'Connection: close in the second line',
      get(['Connection: x', 'Connection: close']),
      200,
    ),
    closing('Connection: close on a 404', of('GET /nothing', close), 404),
    closing('Connection: close on a POST', post([JSON_TYPE, LENGTH, ...close]), 202),
    closing('Connection: close on HEAD', of(`HEAD /payments/${pendingId}`, close), 200),
    closing('Connection: close on a 304', get([...close, 'If-None-Match: *']), 304),
    caseOf('9112, 9.3.2', 'two GETs at once', [get() + get()], [200, 200]),
    byLibrary(caseOf('9112, 9.3.2', 'two POSTs at once', [post() + post()], [202, 202]), 'closed'),
    byLibrary(
      caseOf(
        '9112, 9.3.2',
        'a POST while the one before is unanswered',
        [post() + get()],
        [202, 200],
      ),
      'closed',
    ),
    byLibrary(
      caseOf('9112, 2.3', 'HTTP/1.0', [get().replace('HTTP/1.1', 'HTTP/1.0')], [200]),
      'page 505',
    ),
    byLibrary(
      caseOf('9112, 2.3', 'HTTP/1.2', [get().replace('HTTP/1.1', 'HTTP/1.2')], [200]),
      'page 505',
    ),
    byLibrary(
      { ...caseOf('9112, 2.3', 'HTTP/3.1', [get().replace('HTTP/1.1', 'HTTP/3.1')], [505]) },
      'page 505',
    ),
  ];
}

function byLibrary(testCase: HttpCase, engine: LibraryAnswer): HttpCase {
  return { ...testCase, engine };
}

function announcesClose({ headers }: RawAnswer): string | undefined {
  return headers.get('connection') === 'close' ? undefined : 'close is not announced';
}
