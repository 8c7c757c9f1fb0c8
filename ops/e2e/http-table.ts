/**
 * What RFC 9110, 9112, 7240 and 9457 ask for, case by case, as raw bytes: at an engine, and through
 * the edge. Where the engine's HTTP library (uWebSockets.js) answers otherwise, the case says so,
 * and docs/reference/http.md has the same line. After every answer the same connection must serve a second
 * request, or be closed if the answer announced it.
 */

import { type RawAnswer, RawConnection } from '../testing/raw-http.js';
import {
  CHECKOUT,
  type HttpCase,
  type HttpTarget,
  type LibraryAnswer,
  type Requests,
  requestsOf,
} from './http-case.js';
import { connectionCases, framingCases, headCases, messageCases } from './http-table-messages.js';
import { conditionCases, methodCases, problemCases, waitCases } from './http-table-semantics.js';

const ANSWER_MS_MAX = 15_000;
const CASES_AT_ONCE = 16;
const SILENT_MS = 1_500;
const PART_EVERY_MS = 30;

export function httpCases(requests: Requests): HttpCase[] {
  return [
    ...methodCases(requests),
    ...conditionCases(requests),
    ...messageCases(requests),
    ...framingCases(requests),
    ...headCases(requests),
    ...connectionCases(requests),
    ...waitCases(requests),
    ...problemCases(requests),
  ];
}

/** Makes the payment that the cases read. */
async function preparePending(target: HttpTarget): Promise<void> {
  const connection = await RawConnection.open(target);
  const head = [
    `X-PAYMENT-CHECKOUT-ID: ${target.pendingId}`,
    'Content-Type: application/json',
    `Content-Length: ${CHECKOUT.length}`,
  ];
  connection.send(requestsOf(target).of('POST /payments', head, CHECKOUT));
  const answer = await connection.next('POST', ANSWER_MS_MAX);
  connection.close();
  if (typeof answer === 'string' || answer.status !== 202)
    throw new Error(`the payment to read was not accepted: ${JSON.stringify(answer)}`);
}

/** Tries every case, several at a time, since some wait. @returns what is wrong, a line per case */
export async function tryTable(target: HttpTarget): Promise<string[]> {
  await preparePending(target);
  const queue = httpCases(requestsOf(target)).values();
  const faults: string[] = [];
  const worker = async (): Promise<void> => {
    for (const tried of queue) {
      const fault = await tryCase(target, tried).catch((error) => `${error}`);
      if (fault !== undefined) faults.push(`RFC ${tried.rfc}, ${tried.name}: ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: CASES_AT_ONCE }, worker));
  return faults;
}

const LIBRARY_TEXTS: Readonly<Record<LibraryAnswer, string>> = {
  'page 400': 'page, 400',
  'page 505': 'page, 505',
  closed: 'closed, unanswered',
  silent: 'no answer',
};

/** The rows of the table in docs/reference/http.md: one for each case that the library answers otherwise. */
export function libraryRows(): string[] {
  const nowhere = { port: 0, isEdge: false, own: [], pendingId: 'pending' };
  return httpCases(requestsOf(nowhere)).flatMap(({ name, rfc, engine, edge, statuses }) =>
    engine === undefined
      ? []
      : [`| ${name} | ${LIBRARY_TEXTS[engine]} | ${(edge ?? statuses).join(', ')} | ${rfc} |`],
  );
}

/** @returns what is wrong; undefined when the case holds */
async function tryCase(target: HttpTarget, tried: HttpCase): Promise<string | undefined> {
  const connection = await RawConnection.open(target);
  try {
    const sentAt = Date.now();
    for (const [index, part] of tried.parts.entries()) {
      if (index > 0) await new Promise((done) => setTimeout(done, PART_EVERY_MS));
      connection.send(part);
    }
    if (!target.isEdge && tried.engine) return await libraryFault(connection, tried.engine);
    const method = /^[A-Z]+/.exec(tried.parts[0]!)?.[0] ?? '';
    const own = target.isEdge ? tried.edge : undefined;
    const statuses = own ?? tried.statuses;
    let last: RawAnswer | undefined;
    for (const status of statuses) {
      const answer = await connection.next(method, ANSWER_MS_MAX);
      if (typeof answer === 'string') return `${answer} instead of ${status}`;
      if (answer.status !== status) return `${answer.status} instead of ${status}: ${answer.body}`;
      last = answer;
    }
    return (
      (own ? undefined : tried.check?.(last!, Date.now() - sentAt)) ??
      formFault(last!, method) ??
      (await followUpFault(target, connection, last!))
    );
  } finally {
    connection.close();
  }
}

async function libraryFault(
  connection: RawConnection,
  expected: LibraryAnswer,
): Promise<string | undefined> {
  const answer = await connection.next('GET', expected === 'silent' ? SILENT_MS : ANSWER_MS_MAX);
  const seen =
    typeof answer === 'string'
      ? answer
      : `${answer.body.startsWith('<h1>') ? 'page' : 'answer'} ${answer.status}`;
  return seen === expected ? undefined : `${seen} instead of ${expected}`;
}

/** What every answer must have. */
function formFault(answer: RawAnswer, method: string): string | undefined {
  const { status, headers, body } = answer;
  if (!headers.has('date')) return 'no Date';
  const mustBeEmpty = method === 'HEAD' || status === 204 || status === 304;
  if (status === 204 && headers.has('content-length')) return '204 with Content-Length';
  if (!mustBeEmpty && status >= 400) return problemFault(answer);
  return mustBeEmpty && body !== '' ? 'a body' : undefined;
}

function problemFault({ status, headers, body }: RawAnswer): string | undefined {
  if (headers.get('content-type') !== 'application/problem+json')
    return `Content-Type ${headers.get('content-type')}`;
  const problem = JSON.parse(body) as Record<string, unknown>;
  if (problem['status'] !== status) return `status ${problem['status']} in the document`;
  const missing = ['type', 'title', 'code', 'detail', 'instance'].filter(
    (member) => typeof problem[member] !== 'string',
  );
  return missing.length === 0 ? undefined : `no ${missing.join(', ')}`;
}

async function followUpFault(
  target: HttpTarget,
  connection: RawConnection,
  answer: RawAnswer,
): Promise<string | undefined> {
  const announced = answer.headers.get('connection') ?? '';
  if (announced === 'close')
    return (await connection.ends(ANSWER_MS_MAX)) ? undefined : 'open after Connection: close';
  const hint = /^timeout=(\d+)$/.exec(answer.headers.get('keep-alive') ?? '')?.[1];
  if (announced !== 'keep-alive' || hint === undefined) return 'no Keep-Alive hint';
  connection.send(requestsOf(target).get());
  const next = await connection.next('GET', ANSWER_MS_MAX);
  if (typeof next === 'string') return `${next} for the second request`;
  return next.status === 200 ? undefined : `${next.status} for the second request`;
}
