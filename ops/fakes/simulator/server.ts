/** The simulator's HTTP: charges, refunds, the ledger, settlements, faults. */
import { type Static, Type } from '@sinclair/typebox';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Acquirer, type Answer, errorBody } from './acquirer.js';
import { type Faults, FaultsBody, NO_FAULTS } from './faults.js';
import type { Ledger } from './ledger.js';
import { settlementCsv } from './settlement.js';
import type { WebhookSender } from './webhooks.js';

const BODY_BYTES_MAX = 64 * 1024;
const PAGE_MAX = 10_000;
/** A held answer's connection is cut after this. */
const HELD_MS_MAX = 120_000;
const KEY_CHARS_MAX = 255;

const text = (max: number) => Type.String({ minLength: 1, maxLength: max });
const ChargeRequest = Type.Object({
  merchant: text(64),
  checkout_id: text(64),
  amount: Type.Integer({ minimum: 1 }),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  payment_method: text(128),
});
const RefundRequest = Type.Object({ reference: text(64), amount: Type.Integer({ minimum: 1 }) });
const DisputeRequest = Type.Object({ amount: Type.Optional(Type.Integer({ minimum: 1 })) });
const LedgerQuery = Type.Object({
  checkout_id: Type.Optional(text(64)),
  merchant: Type.Optional(text(64)),
  after: Type.Optional(Type.Integer({ minimum: 0 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX })),
});

export function buildServer(
  ledger: Ledger,
  acquirer: Acquirer,
  webhooks: WebhookSender,
): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: HELD_MS_MAX,
    // Keys are path segments too, percent-encoded.
    routerOptions: { maxParamLength: KEY_CHARS_MAX * 3 },
    // Unknown fields are refused, not dropped.
    ajv: { customOptions: { removeAdditional: false } },
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send(errorBody('invalid_request', error.message)),
  );
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(errorBody('no_such_route', 'there is nothing at this path')),
  );
  chargeRoutes(app, acquirer);
  ledgerRoutes(app, ledger, acquirer);
  app.post('/faults', { schema: { body: FaultsBody } }, (request) => {
    acquirer.faults = { ...acquirer.faults, ...(request.body as Partial<Faults>) };
    return acquirer.faults;
  });
  app.get('/faults', () => acquirer.faults);
  app.delete('/faults', () => {
    acquirer.faults = NO_FAULTS;
    return acquirer.faults;
  });
  app.get('/webhooks', () => ({ ...webhooks.counts, pending: webhooks.pending }));
  app.get('/healthz', () => ({ status: 'alive' }));
  app.get('/readyz', () => ({ ready: true, reasons: [] }));
  return app;
}

function chargeRoutes(app: FastifyInstance, acquirer: Acquirer): void {
  app.post('/v1/charges', { schema: { body: ChargeRequest } }, (request, reply) => {
    const key = keyOf(request);
    if (key === undefined) return missingKey(reply);
    const answer = acquirer.charge(key, request.body as Static<typeof ChargeRequest>);
    if (answer.after === undefined) return send(reply, answer);
    reply.raw.once('close', () => acquirer.release(key));
    return answerLater(reply, answer, answer.after);
  });
  app.get('/v1/charges/:id', (request, reply) =>
    send(reply, acquirer.find((request.params as { id: string }).id)),
  );
  app.post('/v1/charges/:id/dispute', { schema: { body: DisputeRequest } }, (request, reply) => {
    const { amount } = request.body as Static<typeof DisputeRequest>;
    return send(reply, acquirer.dispute((request.params as { id: string }).id, amount));
  });
  app.post('/v1/charges/:id/cancel', (request, reply) =>
    send(reply, acquirer.cancel((request.params as { id: string }).id)),
  );
  app.post('/v1/charges/:id/capture', (request, reply) =>
    send(reply, acquirer.capture((request.params as { id: string }).id)),
  );
  app.get('/v1/refunds/:key', (request, reply) =>
    send(reply, acquirer.findRefund((request.params as { key: string }).key)),
  );
  app.post('/v1/refunds', { schema: { body: RefundRequest } }, (request, reply) => {
    const key = keyOf(request);
    if (key === undefined) return missingKey(reply);
    const { reference, amount } = request.body as Static<typeof RefundRequest>;
    return send(reply, acquirer.refund(key, reference, amount));
  });
}

function ledgerRoutes(app: FastifyInstance, ledger: Ledger, acquirer: Acquirer): void {
  app.get('/ledger', { schema: { querystring: LedgerQuery } }, (request) => {
    const query = request.query as Static<typeof LedgerQuery>;
    const { checkout_id, merchant = 'default', after = 0, limit = PAGE_MAX } = query;
    if (checkout_id) return { charges: ledger.of(merchant, checkout_id) };
    const matching = [...ledger.all()].filter(
      (charge) => !query.merchant || charge.merchant === merchant,
    );
    const charges = matching.slice(after, after + limit);
    return { charges, ...(after + limit < matching.length ? { next: after + limit } : {}) };
  });
  app.get('/ledger/summary', () => ({
    charges: ledger.size,
    captured: ledger.captured,
    captured_amount: ledger.capturedAmount,
    refunded_amount: ledger.refundedAmount,
    calls: acquirer.calls,
    replays: acquirer.replays,
  }));
  app.get('/settlements/:file', (request, reply) => {
    const { file } = request.params as { file: string };
    const period = /^(\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)\.csv$/.exec(file)?.[1];
    if (period === undefined) {
      const message = 'the period is YYYY-MM-DD.csv or YYYY-MM.csv';
      return reply.code(400).send(errorBody('invalid_period', message));
    }
    return reply.type('text/csv').send(settlementCsv(ledger, period));
  });
}

function keyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' && key.length <= KEY_CHARS_MAX ? key : undefined;
}

function missingKey(reply: FastifyReply): FastifyReply {
  const message = `send an Idempotency-Key of at most ${KEY_CHARS_MAX} characters`;
  return reply.code(400).send(errorBody('idempotency_key_missing', message));
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  if (answer.isReplay) reply.header('Idempotent-Replayed', 'true');
  return reply.code(answer.status).send(answer.body);
}

/** Now, later, or never: then the connection is held until its client gives up. */
function answerLater(reply: FastifyReply, answer: Answer, afterMs: number): FastifyReply {
  if (afterMs === 0) return send(reply, answer);
  const isNever = afterMs === Number.POSITIVE_INFINITY;
  const timer = setTimeout(
    () => (isNever ? reply.raw.destroy() : send(reply, answer)),
    isNever ? HELD_MS_MAX : afterMs,
  );
  reply.raw.once('close', () => clearTimeout(timer));
  return reply;
}
