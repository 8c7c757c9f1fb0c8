/** Writing an answer to uWebSockets.js: one place that knows about abort and cork. */
import type { HttpResponse } from 'uWebSockets.js';
import { type Problem, problemBody } from './problem.js';

/** A response that may have been aborted; nothing touches `res` after that. */
export interface Reply {
  readonly res: HttpResponse;
  readonly instance: string;
  aborted: boolean;
}

/** Must be called before the first return to the event loop, or uWebSockets.js aborts the process. */
export function replyOf(res: HttpResponse, instance: string): Reply {
  const reply: Reply = { res, instance, aborted: false };
  res.onAborted(() => {
    reply.aborted = true;
  });
  return reply;
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
