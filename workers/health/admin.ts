/** The processor's admin server, on loopback: health, readiness, metrics, dead letters. */
import type { FastifyInstance } from 'fastify';
import { Gauge, Registry } from 'prom-client';
import { newAdminServer } from '../../engine/admin/admin-server.js';
import { AdminTokenWatch } from '../../engine/admin/admin-tokens.js';
import { listenOn } from '../../engine/host/listening.js';
import type { Logger } from '../../engine/util/log.js';
import type { Asked, Dlq, Selection } from '../dead-letters/dead-letter-queue.js';

const FIGURE = /^(\w+)(?:\{(\w+)="([^"]*)"\})?$/;

export interface AdminParts {
  readonly port: number;
  readonly tokensFile: string;
  readonly logger: Logger;
  /** What keeps the processor from working; empty when ready. */
  readonly notReady: () => string[];
  /** By name, with at most one label: `name` or `name{label="value"}`. */
  readonly figures: () => Record<string, number>;
  readonly dlq: Dlq;
}

export async function startAdmin(parts: AdminParts): Promise<FastifyInstance> {
  const tokens = new AdminTokenWatch(parts.tokensFile, parts.logger);
  const app = newAdminServer(tokens);
  app.addHook('onClose', async () => tokens.stop());
  app.get('/healthz', () => ({ status: 'alive' }));
  app.get('/readyz', (_request, reply) => {
    const reasons = parts.notReady();
    const ready = reasons.length === 0;
    return reply.code(ready ? 200 : 503).send({ ready, reasons });
  });
  app.get('/metrics', async (_request, reply) => {
    const registry = new Registry();
    for (const [figure, value] of Object.entries({ ...parts.figures(), ...tokens.figures() }))
      addGauge(registry, figure, value);
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  dlqRoutes(app, parts.dlq);
  await listenOn(parts.port, 'TOLLGATE_PROCESSOR_ADMIN_PORT', () =>
    app.listen({ host: '127.0.0.1', port: parts.port }),
  );
  return app;
}

function addGauge(registry: Registry, figure: string, value: number): void {
  const [, name, label, labelValue] = FIGURE.exec(figure)!;
  const known = registry.getSingleMetric(name!) as Gauge | undefined;
  const gauge =
    known ??
    new Gauge({
      name: name!,
      help: name!.replaceAll('_', ' '),
      labelNames: label ? [label] : [],
      registers: [registry],
    });
  gauge.set(label ? { [label]: labelValue! } : {}, value);
}

const SelectionBody = {
  type: 'object',
  properties: {
    ids: { type: 'array', items: { type: 'string', maxLength: 200 }, minItems: 1, maxItems: 1_000 },
    reason: { type: 'string', minLength: 1, maxLength: 200 },
    older_than_ms: { type: 'integer', minimum: 0 },
    actor: { type: 'string', minLength: 1, maxLength: 100 },
    note: { type: 'string', minLength: 1, maxLength: 1_000 },
  },
  // Who and why alone would select every letter.
  anyOf: ['ids', 'reason', 'older_than_ms'].map((text) => ({
    ...{ type: 'object', properties: { [text]: true }, required: [text] },
  })),
  additionalProperties: false,
};

function dlqRoutes(app: FastifyInstance, dlq: Dlq): void {
  app.get('/dlq', () => dlq.list());
  app.get('/dlq/*', async (request, reply) => {
    const letter = await dlq.show((request.params as { '*': string })['*']);
    return letter ?? reply.code(404).send({ code: 'not_found', detail: 'no such dead letter' });
  });
  app.post('/dlq/redrive', { schema: { body: SelectionBody } }, (request) =>
    dlq.redrive(request.body as Selection & Asked),
  );
}
