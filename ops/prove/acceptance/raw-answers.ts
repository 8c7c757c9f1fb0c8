/**
 * Answers that uWebSockets.js gives itself, before our code sees the request: an HTML page, the
 * end of the connection, or no answer until the connection is idle for too long. docs/reference/http.md
 * explains them. Every request that none of these rules names gets an answer of ours.
 */
import { type Message, type RawRequest, read } from './fuzz-message.js';

/** An HTML page with this status; the end of the connection; no answer at all. */
export type RawKind = 400 | 431 | 505 | 'closed' | 'silent';

/** What the library drops from both ends of a field's value: more than white space. The edge refuses it. */
export const LOST_BYTES = /^[\s\x80-\xff]+|[\s\x80-\xff]+$/g;

export interface RawAnswer {
  /** The input that causes it. */
  readonly input: string;
  /** Any of these may come, or an answer of ours. */
  readonly answers: readonly RawKind[];
  /** @param message undefined when the bytes hold no end of a head */
  readonly applies: (request: RawRequest, message: Message | undefined) => boolean;
}

const REQUEST_LINE = /^[^\s\p{Cc}]+ \/[^\s\p{Cc}]* HTTP\/1\.1$/u;
const FIELD_LINE = /^[A-Za-z0-9-]+:[^\p{Cc}]*$/u;
const CRLF_BYTES = 2;
const FIELDS_MAX = 90;
const HEAD_BYTES_MAX = 4 * 1024;

export const RAW_ANSWERS: readonly RawAnswer[] = [
  {
    input: 'no end of the head',
    answers: ['silent', 505, 431, 400],
    applies: (_, message) => message === undefined,
  },
  {
    input: 'a request line that is not METHOD /path HTTP/1.1',
    answers: [505, 'silent', 400],
    applies: (_, message) => message !== undefined && !REQUEST_LINE.test(message.requestLine),
  },
  {
    input: 'a request line in two packets',
    answers: [505],
    applies: ({ cuts }, message) =>
      message !== undefined && cuts.some((cut) => cut < message.requestLine.length + CRLF_BYTES),
  },
  {
    input:
      'a field name with other characters than letters, digits and hyphens, or none; a control character',
    answers: ['silent', 400, 431, 505],
    applies: (_, message) =>
      message?.fieldLines.some((line) => !FIELD_LINE.test(line.replaceAll('\t', ' '))) ?? false,
  },
  {
    input: `more than ${FIELDS_MAX} fields`,
    answers: ['silent', 431],
    applies: (_, message) => (message?.fieldLines.length ?? 0) > FIELDS_MAX,
  },
  {
    input: `a head of more than ${HEAD_BYTES_MAX} bytes`,
    answers: [431, 505, 'closed', 'silent'],
    applies: ({ bytes }, message) => bytes.length - (message?.rest.length ?? 0) > HEAD_BYTES_MAX,
  },
  {
    input: 'no Host',
    answers: [400, 'silent', 'closed'],
    applies: (_, message) => message?.values('host').length === 0,
  },
  {
    input: 'a length that does not fit the body, or is none',
    answers: [400, 505, 'silent', 'closed'],
    applies: (_, message) => message !== undefined && message.body === undefined,
  },
];

/** @returns which answers of the library this request may get */
export function rawAnswersOf(request: RawRequest): ReadonlySet<RawKind> {
  const message = read(request.bytes);
  const rules = RAW_ANSWERS.filter((rule) => rule.applies(request, message));
  return new Set(rules.flatMap((rule) => rule.answers));
}
