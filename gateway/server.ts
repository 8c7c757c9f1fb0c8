/**
 * The public API's routes on uWebSockets.js: headers are read at once, the body is bounded.
 * HEAD is GET without the body; OPTIONS and 405 name the methods of an address.
 */
import uWS, { type HttpRequest, type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import type { SharedFlag } from '../engine/ring/shared-flags.js';
import { Caller } from './auth/caller.js';
import type { Merchants } from './auth/merchants.js';
import type { SecurityRefusals } from './auth/security-refusals.js';
import type { Admission } from './checkouts/admission.js';
import { checkCheckoutId, isProblem, parseCheckout } from './checkouts/checkout.js';
import { type CheckoutCounts, CheckoutMessage } from './checkouts/checkout-message.js';
import type { ProviderGate } from './checkouts/provider-gate.js';
import type { ShardGate } from './checkouts/shard-gate.js';
import { readBody } from './http/body.js';
import { checkHead, type Head, isUncoded } from './http/head.js';
import { bodyTooLarge, methodNotAllowed, PROBLEMS, type Problem } from './http/problem.js';
import { type OnRequestError, Reply, sendProblem, sendWithoutBody } from './http/reply.js';
import { BODY_BYTES_MAX } from './http/schemas.js';
import type { Reads } from './reads/reads.js';
import type { Webhooks } from './webhooks/webhooks.js';

export interface ServerParts {
  readonly admission: Admission;
  readonly reads: Reads;
  readonly gate: ShardGate;
  readonly providers: ProviderGate;
  readonly merchants: Merchants;
  readonly webhooks: Webhooks;
  readonly counts: CheckoutCounts;
  readonly accepting: SharedFlag;
  readonly shard: number;
  readonly refusals: SecurityRefusals;
  readonly countRefused: () => void;
  readonly countRead: () => void;
  readonly onError: OnRequestError;
}

const PAYMENTS_METHODS = 'POST, OPTIONS';
const PAYMENT_METHODS = 'GET, HEAD, OPTIONS';
const WEBHOOK_METHODS = 'POST, OPTIONS';

export function buildServer(parts: ServerParts): TemplatedApp {
  const refuse = (reply: Reply, problem: Problem): void => {
    parts.countRefused();
    parts.refusals.note(reply, problem);
    sendProblem(reply, problem);
  };
  /** @param path of the route, where it is fixed */
  const route = (handle: (reply: Reply, req: HttpRequest) => void, path?: string) => {
    return (res: HttpResponse, req: HttpRequest): void => {
      const reply = new Reply(res, path ?? req.getUrl(), parts.onError);
      reply.run(() => handle(reply, req));
    };
  };
  const refused = (problem: Problem) =>
    route((reply, req) => {
      reply.isHead = req.getMethod() === 'head';
      reply.takeHead(req);
      refuse(reply, problem);
    });
  const options = (allow: string) =>
    route((reply, req) => {
      reply.takeHead(req);
      sendWithoutBody(reply, '204 No Content', { Allow: allow });
    });
  const read = (isHead: boolean) =>
    route((reply, req) => {
      reply.isHead = isHead;
      getPayment(parts, reply, req, refuse);
    });
  const webhook = route((reply, req) => parts.webhooks.handle(reply, req));
  return uWS
    .App()
    .post(
      '/payments',
      route((reply, req) => postPayment(parts, reply, req, refuse), '/payments'),
    )
    .options('/payments', options(PAYMENTS_METHODS))
    .any('/payments', refused(methodNotAllowed(PAYMENTS_METHODS)))
    .get('/payments/:id', read(false))
    .head('/payments/:id', read(true))
    .options('/payments/:id', options(PAYMENT_METHODS))
    .any('/payments/:id', refused(methodNotAllowed(PAYMENT_METHODS)))
    .post('/webhooks/psp/:provider', webhook)
    .post('/webhooks/psp/:provider/:merchant/:id', webhook)
    .options('/webhooks/psp/*', options(WEBHOOK_METHODS))
    .any('/webhooks/psp/*', refused(methodNotAllowed(WEBHOOK_METHODS)))
    .any('/*', refused(PROBLEMS.notFound));
}

type Refuse = (reply: Reply, problem: Problem) => void;

function getPayment(parts: ServerParts, reply: Reply, req: HttpRequest, refuse: Refuse): void {
  const checkoutId = req.getParameter(0) ?? '';
  reply.subject = checkoutId;
  const head = reply.takeHead(req);
  const method = reply.isHead ? 'HEAD' : 'GET';
  const caller = Caller.of(parts.merchants, head, method, reply.instance, checkoutId);
  if (isProblem(caller)) {
    refuse(reply, caller);
    return;
  }
  const problem = caller.checkBody() ?? checkCheckoutId(checkoutId) ?? checkHead(head);
  if (problem) {
    refuse(reply, problem);
    return;
  }
  parts.countRead();
  const request = {
    merchant: caller.merchant,
    checkoutId,
    ifNoneMatch: head.ifNoneMatch,
    prefer: head.prefer,
  };
  parts.gate.beforeRead(reply, request.merchant, checkoutId, (moving) =>
    moving ? refuse(reply, moving) : parts.reads.read(reply, request),
  );
}

function postPayment(parts: ServerParts, reply: Reply, req: HttpRequest, refuse: Refuse): void {
  const head = reply.takeHead(req);
  const { checkoutId } = head;
  reply.subject = checkoutId;
  const caller = Caller.of(parts.merchants, head, 'POST', reply.instance, checkoutId);
  const problem = isProblem(caller) ? undefined : checkPostHead(parts, head);
  readBody(reply, BODY_BYTES_MAX, (body) => {
    if (isProblem(caller)) return refuse(reply, caller);
    if (problem) return refuse(reply, problem);
    if (body === undefined) return refuse(reply, bodyTooLarge(BODY_BYTES_MAX));
    const forged = caller.checkBody(body);
    if (forged) return refuse(reply, forged);
    const record = parseCheckout(body, caller.merchant, checkoutId, parts.shard);
    if (isProblem(record)) return refuse(reply, record);
    parts.gate.beforeAccept(reply, record.merchant, checkoutId, (moving) => {
      const refusal = moving ?? parts.providers.check(record, caller.providers);
      if (refusal) return refuse(reply, refusal);
      parts.admission.submit(new CheckoutMessage(reply, record, body.length, parts.counts));
    });
  });
}

function checkPostHead(parts: ServerParts, head: Head): Problem | undefined {
  if (!parts.accepting.isSet) return PROBLEMS.unavailable;
  const problem = checkCheckoutId(head.checkoutId) ?? checkHead(head);
  if (problem) return problem;
  if (!isJson(head.contentType)) return PROBLEMS.unsupportedType;
  if (head.contentEncoding !== '') return PROBLEMS.unsupportedCoding;
  if (!isUncoded(head)) return PROBLEMS.transferCoding;
  if (Number(head.contentLength) > BODY_BYTES_MAX) return bodyTooLarge(BODY_BYTES_MAX);
  if (head.contentLength === '' && head.transferEncoding === '') return PROBLEMS.lengthRequired;
  return undefined;
}

function isJson(contentType: string): boolean {
  if (contentType === 'application/json') return true;
  return contentType.split(';')[0]!.trim().toLowerCase() === 'application/json';
}
