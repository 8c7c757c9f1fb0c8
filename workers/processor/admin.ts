/** The processor's admin server, on loopback: health, readiness, metrics, dead letters. */
import Fastify, { type FastifyInstance } from 'fastify';
import { Gauge, Registry } from 'prom-client';
import { EngineError } from '../../engine/core/errors.js';

export interface AdminParts {
  readonly port: number;
  /** What keeps the processor from working; empty when ready. */
  readonly notReady: () => Promise<string[]>;
  readonly figures: () => Record<string, number>;
  readonly deadLetters: () => Promise<object[]>;
}

export async function startAdmin(parts: AdminParts): Promise<FastifyInstance> {
  const app = Fastify({ logger: false, bodyLimit: 16 * 1024, requestTimeout: 10_000 });
  app.get('/healthz', () => ({ status: 'alive' }));
  app.get('/readyz', async (_request, reply) => {
    const reasons = await parts.notReady();
    const ready = reasons.length === 0;
    return reply.code(ready ? 200 : 503).send({ ready, reasons });
  });
  app.get('/metrics', async (_request, reply) => {
    const registry = new Registry();
    for (const [name, value] of Object.entries(parts.figures())) {
      new Gauge({ name, help: name.replaceAll('_', ' '), registers: [registry] }).set(value);
    }
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  app.get('/dlq', async () => ({ dead_letters: await parts.deadLetters() }));
  try {
    await app.listen({ host: '127.0.0.1', port: parts.port });
  } catch (cause) {
    throw new EngineError(
      'port_taken',
      `127.0.0.1:${parts.port} cannot be listened on: is it taken? Set TOLLGATE_PROCESSOR_ADMIN_PORT.`,
      { cause },
    );
  }
  return app;
}
