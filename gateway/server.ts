/** The public API's routes on uWebSockets.js: headers are read at once, the body is bounded. */
import uWS, { type HttpRequest, type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import type { SharedFlag } from '../engine/ring/shared-flags.js';
import type { Admission } from './admission.js';
import { readBody } from './body.js';
import { checkCheckoutId, isProblem, parseCheckout } from './checkout.js';
import { type CheckoutCounts, CheckoutMessage } from './checkout-message.js';
import { checkHead } from './head.js';
import { Caller } from './keys/caller.js';
import type { Merchants } from './keys/merchants.js';
import { bodyTooLarge, methodNotAllowed, PROBLEMS, type Problem } from './problem.js';
import type { Reads } from './reads.js';
import { type Reply, replyOf, sendProblem } from './reply.js';
import { BODY_BYTES_MAX } from './schemas.js';
import type { ShardGate } from './shard-gate.js';
import type { Webhooks } from './webhooks/webhooks.js';

export interface ServerParts {
  readonly admission: Admission;
  readonly reads: Reads;
  readonly gate: ShardGate;
  readonly merchants: Merchants;
  readonly webhooks: Webhooks;
  readonly counts: CheckoutCounts;
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
    .post('/webhooks/psp/:provider', (res, req) => parts.webhooks.handle(res, req))
    .post('/webhooks/psp/:provider/:merchant/:id', (res, req) => parts.webhooks.handle(res, req))
    .any('/webhooks/psp/*', (res, req) =>
      refuse(replyOf(res, req.getUrl()), methodNotAllowed('POST')),
    )
    .any('/*', (res, req) => refuse(replyOf(res, req.getUrl()), PROBLEMS.notFound));
}

type Refuse = (reply: Reply, problem: Problem) => void;

function getPayment(parts: ServerParts, res: HttpResponse, req: HttpRequest, refuse: Refuse): void {
  const reply = replyOf(res, req.getUrl());
  const checkoutId = req.getParameter(0) ?? '';
  const caller = Caller.of(parts.merchants, req, 'GET', checkoutId);
  if (isProblem(caller)) {
    refuse(reply, caller);
    return;
  }
  const problem = caller.checkBody() ?? checkCheckoutId(checkoutId) ?? checkHead(req);
  if (problem) {
    refuse(reply, problem);
    return;
  }
  parts.countRead();
  const request = {
    merchant: caller.merchant,
    checkoutId,
    ifNoneMatch: req.getHeader('if-none-match'),
    prefer: req.getHeader('prefer'),
  };
  parts.gate.beforeRead(request.merchant, checkoutId, (moving) =>
    moving ? refuse(reply, moving) : parts.reads.read(reply, request),
  );
}

function postPayment(
  parts: ServerParts,
  res: HttpResponse,
  req: HttpRequest,
  refuse: Refuse,
): void {
  const reply = replyOf(res, '/payments');
  const checkoutId = req.getHeader('x-payment-checkout-id');
  const caller = Caller.of(parts.merchants, req, 'POST', checkoutId);
  const problem = checkHeaders(parts, req, checkoutId);
  readBody(reply, BODY_BYTES_MAX, (body) => {
    if (isProblem(caller)) return refuse(reply, caller);
    if (problem) return refuse(reply, problem);
    if (body === undefined) return refuse(reply, bodyTooLarge(BODY_BYTES_MAX));
    const forged = caller.checkBody(body);
    if (forged) return refuse(reply, forged);
    const record = parseCheckout(body, caller.merchant, checkoutId, parts.shard);
    if (isProblem(record)) return refuse(reply, record);
    parts.gate.beforeAccept(record.merchant, checkoutId, (moving) =>
      moving
        ? refuse(reply, moving)
        : parts.admission.submit(new CheckoutMessage(reply, record, body.length, parts.counts)),
    );
  });
}

function checkHeaders(
  parts: ServerParts,
  req: HttpRequest,
  checkoutId: string,
): Problem | undefined {
  if (!parts.accepting.isSet) return PROBLEMS.unavailable;
  const problem = checkCheckoutId(checkoutId) ?? checkHead(req);
  if (problem) return problem;
  const type = req.getHeader('content-type').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json') return PROBLEMS.unsupportedType;
  if (Number(req.getHeader('content-length')) > BODY_BYTES_MAX) return bodyTooLarge(BODY_BYTES_MAX);
  if (req.getHeader('content-length') === '' && req.getHeader('transfer-encoding') === '') {
    return PROBLEMS.lengthRequired;
  }
  return undefined;
}
