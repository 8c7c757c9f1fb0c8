/** One case of the table of HTTP's RFCs, and the requests that cases are made of. */
import type { NoAnswer, RawAnswer, RawTarget } from '../testing/raw-http.js';

/** Answers of the HTTP library itself: an HTML page, the end of the connection, or nothing. */
export type LibraryAnswer = 'page 400' | 'page 505' | NoAnswer;

export interface HttpCase {
  /** Number and section. */
  readonly rfc: string;
  readonly name: string;
  /** Each part goes out by itself. */
  readonly parts: readonly string[];
  /** The statuses of the answers, in order. */
  readonly statuses: readonly number[];
  /** What an engine without the edge does instead. */
  readonly engine?: LibraryAnswer;
  /** The statuses through the edge, where nginx answers otherwise. */
  readonly edge?: readonly number[];
  /** @returns what is wrong with the last answer */
  readonly check?: (answer: RawAnswer, ms: number) => string | undefined;
}

export interface HttpTarget extends RawTarget {
  readonly isEdge: boolean;
  /** Header lines of a merchant that may pay. */
  readonly own: readonly string[];
  /** A payment that stays pending. */
  readonly pendingId: string;
}

/** Makes requests of a target's merchant. */
export interface Requests {
  readonly pendingId: string;
  /** @param line method and path */
  of(line: string, headers?: readonly string[], body?: string): string;
  get(headers?: readonly string[]): string;
  /** A checkout with an id of its own. */
  post(headers?: readonly string[], body?: string): string;
}

export const CHECKOUT = '{"amount":1999,"currency":"USD","payment_method":"pm_card_visa"}';

/** @returns what is wrong with an answer */
export type Check = (answer: RawAnswer, ms: number) => string | undefined;

export function caseOf(
  rfc: string,
  name: string,
  parts: readonly string[],
  statuses: readonly number[],
  check?: Check,
): HttpCase {
  return { rfc, name, parts, statuses, ...(check ? { check } : {}) };
}

export function requestsOf(target: HttpTarget): Requests {
  const of: Requests['of'] = (line, headers = [], body = '') =>
    `${[`${line} HTTP/1.1`, 'Host: a', ...target.own, ...headers].join('\r\n')}\r\n\r\n${body}`;
  let ids = 0;
  return {
    pendingId: target.pendingId,
    of,
    get: (headers = []) => of(`GET /payments/${target.pendingId}`, headers),
    post: (headers, body = CHECKOUT) =>
      of(
        'POST /payments',
        [
          `X-PAYMENT-CHECKOUT-ID: table-${++ids}`,
          ...(headers ?? ['Content-Type: application/json', `Content-Length: ${body.length}`]),
        ],
        body,
      ),
  };
}
