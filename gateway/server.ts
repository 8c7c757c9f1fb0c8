/** The public API's routes on uWebSockets.js: headers are read at once, the body is bounded. */
import uWS, { type HttpRequest, type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import { DEFAULT_MERCHANT } from '../engine/core/payment.js';
import type { SharedFlag } from '../engine/ring/shared-flags.js';
import type { Admission } from './admission.js';
import { checkCheckoutId, isProblem, parseCheckout } from './checkout.js';
import { methodNotAllowed, PROBLEMS, type Problem } from './problem.js';
import type { Reads } from './reads.js';
import { hasRepeatedHeader } from './repeated-headers.js';
import { type Reply, replyOf, sendProblem } from './reply.js';
import { BODY_BYTES_MAX } from './schemas.js';

export interface ServerParts {
  readonly admission: Admission;
  readonly reads: Reads;
  readonly accepting: SharedFlag;
  readonly shard: number;
  readonly countRefused: () => void;
  readonly countRead: () => void;
}

export function buildServer(parts: ServerParts): TemplatedApp {
  const refuse = (reply: Reply, problem: Problem): void => {
    parts.countRefused();
    sendProblem(reply, problem);
  };
  return uWS
    .App()
    .post('/payments', (res, req) => postPayment(parts, res, req, refuse))
    .any('/payments', (res, req) => refuse(replyOf(res, req.getUrl()), methodNotAllowed('POST')))
    .get('/payments/:id', (res, req) => getPayment(parts, res, req, refuse))
    .any('/payments/:id', (res, req) => refuse(replyOf(res, req.getUrl()), methodNotAllowed('GET')))
    .any('/*', (res, req) => refuse(replyOf(res, req.getUrl()), PROBLEMS.notFound));
}

type Refuse = (reply: Reply, problem: Problem) => void;

function getPayment(parts: ServerParts, res: HttpResponse, req: HttpRequest, refuse: Refuse): void {
  const reply = replyOf(res, req.getUrl());
  const checkoutId = req.getParameter(0) ?? '';
  const problem = hasRepeatedHeader(req) ? PROBLEMS.headerRepeated : checkCheckoutId(checkoutId);
  if (problem) {
    refuse(reply, problem);
    return;
  }
  parts.countRead();
  parts.reads.read(reply, {
    merchant: DEFAULT_MERCHANT,
    checkoutId,
    ifNoneMatch: req.getHeader('if-none-match'),
    prefer: req.getHeader('prefer'),
  });
}

function postPayment(
  parts: ServerParts,
  res: HttpResponse,
  req: HttpRequest,
  refuse: Refuse,
): void {
  const reply = replyOf(res, '/payments');
  const checkoutId = req.getHeader('x-payment-checkout-id');
  const problem = checkHeaders(parts, req, checkoutId);
  readBody(reply, (body) => {
    if (problem) return refuse(reply, problem);
    if (body === undefined) return refuse(reply, PROBLEMS.tooLarge);
    const record = parseCheckout(body, DEFAULT_MERCHANT, checkoutId, parts.shard);
    if (isProblem(record)) return refuse(reply, record);
    parts.admission.admit(reply, record, body.length);
  });
}

function checkHeaders(
  parts: ServerParts,
  req: HttpRequest,
  checkoutId: string,
): Problem | undefined {
  if (!parts.accepting.isSet) return PROBLEMS.unavailable;
  if (hasRepeatedHeader(req)) return PROBLEMS.headerRepeated;
  const idProblem = checkCheckoutId(checkoutId);
  if (idProblem) return idProblem;
  const type = req.getHeader('content-type').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json') return PROBLEMS.unsupportedType;
  if (Number(req.getHeader('content-length')) > BODY_BYTES_MAX) return PROBLEMS.tooLarge;
  if (req.getHeader('content-length') === '' && req.getHeader('transfer-encoding') === '') {
    return PROBLEMS.lengthRequired;
  }
  return undefined;
}

/**
 * Calls `onBody` once with the whole body, or with undefined when it is too large. Chunks
 * are copied: uWebSockets.js uses their memory again.
 */
function readBody(reply: Reply, onBody: (body: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  reply.res.onData((chunk, isLast) => {
    bytes += chunk.byteLength;
    if (bytes <= BODY_BYTES_MAX) chunks.push(Buffer.from(Buffer.from(chunk)));
    if (!isLast || reply.aborted) return;
    onBody(
      bytes > BODY_BYTES_MAX ? undefined : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks),
    );
  });
}
