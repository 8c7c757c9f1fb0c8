/** The table's cases of methods, conditions (RFC 9110), waiting (RFC 7240) and problems (RFC 9457). */

import type { RawAnswer } from '../testing/raw-http.js';
import { CHECKOUT, type Check, caseOf, type HttpCase, type Requests } from './http-case.js';

const ABSENT = '/payments/absent';

export function methodCases({ of, get, pendingId }: Requests): HttpCase[] {
  const path = `/payments/${pendingId}`;
  const is = (section: string, name: string, bytes: string, status: number, check?: Check) =>
    caseOf(`9110, ${section}`, name, [bytes], [status], check);
  return [
    is('9.3.1', 'GET', get(), 200, ({ body, headers }) =>
      body.includes('"pending"') && headers.get('etag') === '"v0"' ? undefined : body,
    ),
    is('9.3.2', 'HEAD', of(`HEAD ${path}`), 200, hasLength),
    is('9.3.2', 'HEAD of what is absent', of(`HEAD ${ABSENT}`), 404, hasLength),
    is('9.3.2', 'HEAD where there is no GET', of('HEAD /payments'), 405, allows('POST, OPTIONS')),
    is('9.3.2', 'HEAD of an unknown address', of('HEAD /nothing'), 404, hasLength),
    is('9.3.7', 'OPTIONS of a payment', of(`OPTIONS ${path}`), 204, allows('GET, HEAD, OPTIONS')),
    is('9.3.7', 'OPTIONS of payments', of('OPTIONS /payments'), 204, allows('POST, OPTIONS')),
    is(
      '9.3.7',
      'OPTIONS of webhooks',
      of('OPTIONS /webhooks/psp/simulator'),
      204,
      allows('POST, OPTIONS'),
    ),
    is('15.5.6', 'PUT of a payment', of(`PUT ${path}`), 405, allows('GET, HEAD, OPTIONS')),
    is(
      '15.5.6',
      'PUT with a body',
      of(`PUT ${path}`, ['Content-Length: 2'], '{}'),
      405,
      allows('GET, HEAD, OPTIONS'),
    ),
    is('15.5.6', 'GET of payments', of('GET /payments'), 405, allows('POST, OPTIONS')),
    is('15.5.6', 'an unknown method', of(`BREW ${path}`), 405, allows('GET, HEAD, OPTIONS')),
    // nginx takes capitals only.
    { ...is('9.1', 'a method in small letters', of(`get ${path}`), 405), edge: [400] },
    is('9.3.8', 'TRACE', of(`TRACE ${path}`), 405, ({ headers }) =>
      headers.get('allow')?.includes('GET') ? undefined : 'no Allow',
    ),
    is('15.5.5', 'an unknown address', of('DELETE /nothing'), 404),
  ];
}

export function conditionCases({ of, get, pendingId }: Requests): HttpCase[] {
  const unchanged = (name: string, lines: readonly string[]): HttpCase =>
    caseOf('9110, 13.1.2', `If-None-Match: ${name}`, [get(lines)], [304], ({ headers }) =>
      headers.get('etag') === '"v0"' ? undefined : 'no ETag',
    );
  const changed = (value: string): HttpCase =>
    caseOf('9110, 13.1.2', `If-None-Match: ${value}`, [get([`If-None-Match: ${value}`])], [200]);
  return [
    unchanged('the tag', ['If-None-Match: "v0"']),
    unchanged('a weak tag', ['If-None-Match: W/"v0"']),
    unchanged('a list', ['If-None-Match: "x", "v0"']),
    unchanged('a list of tags with commas', ['If-None-Match: "x,y" ,W/"a,", "v0"']),
    // nginx 1.22 takes one line only.
    { ...unchanged('two lines', ['If-None-Match: "x"', 'If-None-Match: "v0"']), edge: [400] },
    unchanged('any', ['If-None-Match: *']),
    changed('"other"'),
    changed('"other, v0"'),
    changed('v0'),
    caseOf(
      '9110, 13.1.2',
      'HEAD with If-None-Match',
      [of(`HEAD /payments/${pendingId}`, ['If-None-Match: "v0"'])],
      [304],
    ),
  ];
}

export function waitCases({ get }: Requests): HttpCase[] {
  const waits = (name: string, lines: readonly string[], status = 200): HttpCase =>
    caseOf('7240, 4.3', name, [get(lines)], [status], ({ headers }, ms) =>
      ms >= 950 && headers.get('preference-applied') === 'wait=1'
        ? undefined
        : `${headers.get('preference-applied')} after ${ms} ms`,
    );
  const answersAtOnce = (name: string, lines: readonly string[], applied?: string): HttpCase =>
    caseOf('7240, 2', name, [get(lines)], [200], ({ headers }) =>
      headers.get('preference-applied') === applied ? undefined : 'the preference was applied',
    );
  return [
    waits('wait', ['Prefer: wait=1']),
    waits('wait with spaces, quoted', ['Prefer: WAIT = "1"']),
    waits('wait behind another preference', ['Prefer: respond-async, wait=1']),
    waits('wait with a parameter', ['Prefer: wait=1; foo="a, b"']),
    waits('wait in the second line', ['Prefer: respond-async', 'Prefer: wait=1']),
    waits('the first wait counts', ['Prefer: wait=1, wait=9']),
    waits('wait with the tag, unchanged', ['Prefer: wait=1', 'If-None-Match: "v0"'], 304),
    waits('wait with any tag, unchanged', ['Prefer: wait=1', 'If-None-Match: *'], 304),
    answersAtOnce('wait with an old tag', ['Prefer: wait=9', 'If-None-Match: "old"'], 'wait=9'),
    answersAtOnce('wait as a parameter of another', ['Prefer: foo; wait=9']),
    answersAtOnce('wait in a quoted string', ['Prefer: foo="a, wait=9"']),
    answersAtOnce('wait without a number', ['Prefer: wait=soon']),
  ];
}

export function problemCases({ of, get, post, pendingId }: Requests): HttpCase[] {
  const repeated = (text: string): string =>
    of(
      'POST /payments',
      [
        `X-PAYMENT-CHECKOUT-ID: ${pendingId}`,
        'Content-Type: application/json',
        `Content-Length: ${text.length}`,
      ],
      text,
    );
  const body = '{"amount":"1","currency":"USD","payment_method":"pm_card_visa"}';
  return [
    caseOf('9457, 3.1', 'instance without the query', [of(`GET ${ABSENT}?a=b`)], [404], (answer) =>
      memberFault(answer, 'instance', ABSENT),
    ),
    caseOf(
      '9457, 3.1',
      'type and title',
      [of(`GET ${ABSENT}`)],
      [404],
      (answer) =>
        memberFault(answer, 'type', 'about:blank') ?? memberFault(answer, 'title', 'Not Found'),
    ),
    caseOf('9457, 3.2', 'errors as an extension', [post(undefined, body)], [400], (answer) => {
      const { errors } = JSON.parse(answer.body) as { errors?: { pointer: string }[] };
      return errors?.[0]?.pointer === '/amount' ? undefined : answer.body;
    }),
    caseOf('9110, 15.3.3', 'a replay', [repeated(CHECKOUT)], [202], ({ headers }) =>
      headers.get('idempotent-replayed') === 'true' ? undefined : 'not a replay',
    ),
    caseOf(
      '9110, 15.5.21',
      'an id with another body',
      [repeated(CHECKOUT.replace('1999', '2000'))],
      [422],
    ),
    caseOf(
      '9110, 15.5.5',
      'a webhook of an unknown provider',
      [of('POST /webhooks/psp/nobody', ['Content-Length: 2'], '{}')],
      [404],
    ),
    // An engine of this table has no keys: it ignores the header.
    {
      ...caseOf(
        '9110, 15.5.2',
        'a wrong key',
        [get().replace(/authorization: .*/i, 'Authorization: Bearer wrong')],
        [200],
      ),
      edge: [401],
    },
  ];
}

function hasLength({ headers }: RawAnswer): string | undefined {
  return Number(headers.get('content-length')) > 0 ? undefined : 'no Content-Length';
}

function allows(methods: string): Check {
  return ({ headers }) =>
    headers.get('allow') === methods ? undefined : `Allow: ${headers.get('allow')}`;
}

function memberFault({ body }: RawAnswer, name: string, value: string): string | undefined {
  const seen = (JSON.parse(body) as Record<string, unknown>)[name];
  return seen === value ? undefined : `${name} is ${seen}`;
}
