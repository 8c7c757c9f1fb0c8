/** The engine's admin server, on loopback: health, readiness, metrics, configuration, OpenAPI. */
import type { FastifyInstance } from 'fastify';
import { Gauge, Registry } from 'prom-client';
import { type AdminAuthority, newAdminServer } from './admin/admin-server.js';
import type { EngineConfig } from './config/config.js';
import { engineTable } from './config/settings/engine.js';
import { shownSettings } from './config/settings.js';
import { listenOn } from './host/listening.js';
import type { Moves } from './shards/moves.js';
import { moveRoutes } from './shards/routes.js';
import type { Store } from './store/store.js';
import type { EngineThreads } from './threads.js';

export interface AdminParts {
  readonly config: EngineConfig;
  readonly tokens: AdminAuthority;
  readonly threads: EngineThreads;
  readonly store: Store;
  readonly moves: Moves;
  readonly openapi: object;
  /** What keeps the engine from taking work; empty when ready. */
  readonly notReady: () => string[];
  /** Further figures, by metric name. */
  readonly figures: () => Record<string, number>;
}

export async function startAdmin(parts: AdminParts): Promise<FastifyInstance> {
  const app = newAdminServer(parts.tokens);
  app.get('/healthz', () => ({ status: 'alive' }));
  app.get('/readyz', (_request, reply) => {
    const reasons = parts.notReady();
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .send({ ready: reasons.length === 0, reasons });
  });
  app.get('/metrics', async (_request, reply) => {
    const registry = new Registry();
    for (const [name, value] of Object.entries(allFigures(parts))) {
      new Gauge({ name, help: name.replaceAll('_', ' '), registers: [registry] }).set(value);
    }
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  moveRoutes(app, parts.store, parts.moves);
  app.get('/config', () => shownSettings(engineTable, parts.config));
  app.get('/openapi.json', () => parts.openapi);
  const port = parts.config.adminPort;
  await listenOn(port, 'TOLLGATE_ADMIN_PORT', () => app.listen({ host: '127.0.0.1', port }));
  return app;
}

function allFigures(parts: AdminParts): Record<string, number> {
  const figures: Record<string, number> = { ...parts.figures() };
  const add = (name: string, value: number): void => {
    figures[name] = (figures[name] ?? 0) + value;
  };
  for (const counters of parts.threads.gatewayCounters) {
    for (const [name, value] of Object.entries(counters.read()))
      add(name === 'waiters' ? 'gateway_waiters' : `gateway_${name}_total`, value);
  }
  for (const counters of parts.threads.writerCounters) {
    for (const [name, value] of Object.entries(counters.read())) {
      add(`journal_${name === 'writeMicros' ? 'write_microseconds' : name}_total`, value);
    }
  }
  figures['durable_sequence'] = parts.threads.durableSequence;
  return figures;
}
