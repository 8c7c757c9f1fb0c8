/**
 * The answer to one request. It alone handles abort and cork, and it is the error boundary around
 * all work for the request: an exception is answered with 500 and reported, and no other request
 * is affected. A broken invariant passes through and ends the process.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { BrokenInvariant, EngineError } from '../../engine/util/errors.js';
import { type Head, readHead } from './head.js';
import { hasToken } from './list-fields.js';
import { PROBLEMS, type Problem, problemBody } from './problem.js';

/** Called with an exception that a request's handling has thrown. Must not throw. */
export type OnRequestError = (reply: Reply, problem: Problem, error: Error) => void;

/**
 * uWebSockets.js closes a connection that is idle for 8 to 12 s. A client that heeds this hint
 * sends no request while that happens.
 */
const KEEP_ALIVE = 'timeout=5';
/** An answer is for its caller alone, and nothing but what its type says. */
const ALWAYS: Headers = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

export class Reply {
  readonly res: HttpResponse;
  /** The request's path. */
  readonly instance: string;
  /** The answer to HEAD has no body. */
  isHead = false;
  /** The request's header Connection. */
  connection = '';
  /** The request's header X-Real-IP. */
  realIp = '';
  /** What the request is about, for the log: a checkout id or provider/event id. */
  subject: string;
  /** Nothing may touch `res` any more: the client has gone, or the answer was sent. */
  aborted = false;
  /** Called when the client has gone before the answer. */
  onAborted: (() => void) | undefined;
  readonly #onError: OnRequestError;

  /** Must be made before the first return to the event loop, or uWebSockets.js aborts the process. */
  constructor(res: HttpResponse, instance: string, onError: OnRequestError) {
    this.res = res;
    this.instance = instance;
    this.subject = instance;
    this.#onError = onError;
    res.onAborted(() => {
      this.aborted = true;
      this.onAborted?.();
    });
  }

  /** Reads the request's headers, and keeps those that the answer and the log need. */
  takeHead(req: HttpRequest): Readonly<Head> {
    const head = readHead(req);
    this.connection = head.connection;
    this.realIp = head.realIp;
    return head;
  }

  /** Runs one step of the request's handling; every callback of the request goes through here. */
  run(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof BrokenInvariant) throw error;
      const problem = isDamage(error) ? PROBLEMS.recordDamaged : PROBLEMS.internalError;
      this.#onError(this, problem, error as Error);
      sendProblem(this, problem);
    }
  }
}

/** Only stored rows are decoded here: bytes that cannot be decoded are a damaged row. */
function isDamage(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'undecodable';
}

export type Headers = Readonly<Record<string, string>>;

export function send(reply: Reply, status: string, headers: Headers, body: string): void {
  if (reply.aborted) return;
  reply.aborted = true;
  const { res } = reply;
  res.cork(() => {
    writeHead(reply, status, headers);
    if (reply.isHead) {
      res.writeHeader('Content-Length', `${Buffer.byteLength(body)}`);
      endWithoutBody(reply);
    } else if (!closes(reply)) {
      keepAlive(reply);
      res.end(body);
    } else {
      // uWebSockets.js closes by itself, and does not announce it, where the field is `close` alone.
      const isAlone = reply.connection.toLowerCase() === 'close';
      if (isAlone) res.writeHeader('Connection', 'close');
      res.end(body, !isAlone);
    }
  });
}

export function sendProblem(reply: Reply, problem: Problem): void {
  const headers = { 'Content-Type': 'application/problem+json', ...problem.headers };
  send(reply, problem.status, headers, problemBody(problem, reply.instance));
}

/** For statuses that never have a body: 204 and 304. */
export function sendWithoutBody(reply: Reply, status: string, headers: Headers): void {
  if (reply.aborted) return;
  reply.aborted = true;
  reply.res.cork(() => {
    writeHead(reply, status, headers);
    endWithoutBody(reply);
  });
}

function writeHead({ res }: Reply, status: string, headers: Headers): void {
  res.writeStatus(status);
  for (const name in headers) res.writeHeader(name, headers[name]!);
  for (const name in ALWAYS) res.writeHeader(name, ALWAYS[name]!);
}

/** Without an argument: `endWithoutBody(length)` loses the connection's next request. */
function endWithoutBody(reply: Reply): void {
  if (closes(reply)) reply.res.writeHeader('Connection', 'close');
  else keepAlive(reply);
  reply.res.endWithoutBody();
}

function keepAlive({ res }: Reply): void {
  res.writeHeader('Connection', 'keep-alive');
  res.writeHeader('Keep-Alive', KEEP_ALIVE);
}

function closes({ connection }: Reply): boolean {
  return hasToken(connection, 'close');
}
