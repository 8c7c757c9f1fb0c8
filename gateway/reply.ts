/**
 * The answer to one request: the one place that knows about abort and cork, and the boundary
 * around everything that is done for the request. An exception inside it costs this request
 * only: it is answered 500 and reported. A broken invariant passes through and ends the process.
 */
import type { HttpResponse } from 'uWebSockets.js';
import { BrokenInvariant, EngineError } from '../engine/core/errors.js';
import { PROBLEMS, type Problem, problemBody } from './problem.js';

/** Called with an exception that a request's handling has thrown. Must not throw. */
export type OnRequestError = (reply: Reply, problem: Problem, error: Error) => void;

export class Reply {
  readonly res: HttpResponse;
  /** The request's path. */
  readonly instance: string;
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
  reply.res.cork(() => {
    reply.res.writeStatus(status);
    for (const name in headers) reply.res.writeHeader(name, headers[name]!);
    reply.res.end(body);
  });
}

export function sendProblem(reply: Reply, problem: Problem): void {
  const headers = { 'Content-Type': 'application/problem+json', ...problem.headers };
  send(reply, problem.status, headers, problemBody(problem, reply.instance));
}

export function sendNotModified(reply: Reply, headers: Headers): void {
  if (reply.aborted) return;
  reply.aborted = true;
  reply.res.cork(() => {
    reply.res.writeStatus('304 Not Modified');
    for (const name in headers) reply.res.writeHeader(name, headers[name]!);
    reply.res.endWithoutBody();
  });
}
