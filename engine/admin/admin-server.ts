/**
 * The admin HTTP server on loopback that engines and processors share. It checks, in this order:
 * the `Host` header names a loopback host (this stops DNS rebinding from a browser), the bearer
 * token has the role that the route needs (`admin-roles.ts`), and the body has no unknown field (a
 * misspelt filter must not select more than was asked for).
 */
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { newAjv } from '../util/ajv.js';
import { EngineError } from '../util/errors.js';
import { isLoopback } from '../util/loopback.js';
import { type AdminRole, accessOf, includes } from './admin-roles.js';

const BODY_BYTES_MAX = 16 * 1024;
const REQUEST_MS_MAX = 10_000;
const HOST = /^(?:\[([0-9a-f:]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/;

/** @param host as in the header Host, with or without a port */
export function namesThisMachine(host: string): boolean {
  const [, ipv6, other] = HOST.exec(host.toLowerCase()) ?? [];
  return isLoopback(ipv6 ?? other ?? '');
}

/** What an admin server asks of the tokens. */
export interface AdminAuthority {
  roleOf(authorization: string | undefined): AdminRole | undefined;
  /** @param url of the route; '' where there is none */
  refused(code: AdminRefusal, method: string, url: string): void;
  /** Of a request that may change something, and is let in. */
  acted(role: AdminRole, method: string, url: string): void;
}

export type AdminRefusal = 'host_not_allowed' | 'unauthorized' | 'forbidden';

export function newAdminServer(authority: AdminAuthority): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
  });
  const bodies = newAjv();
  // Paths and queries are text.
  const texts = newAjv({ coerceTypes: true, useDefaults: true });
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? bodies : texts).compile(schema as object),
  );
  app.addHook('onRequest', (request, reply, done) => {
    if (namesThisMachine(request.headers.host ?? '')) return done();
    note(authority, 'host_not_allowed', request);
    const detail = 'Name this machine in the URL by 127.0.0.1, localhost or [::1].';
    reply.code(421).send({ code: 'host_not_allowed', detail });
  });
  requireRoles(app, authority);
  return app;
}

/** An unknown path needs a token too, so that nobody without one learns which paths there are. */
function requireRoles(app: FastifyInstance, authority: AdminAuthority): void {
  app.addHook('onRoute', ({ method, url }) => {
    for (const methods of [method].flat())
      if (accessOf(methods, url) === undefined)
        throw new EngineError('route_without_role', `${methods} ${url} is not in ADMIN_ROUTES`);
  });
  app.addHook('onRequest', (request, reply, done) => {
    const access = accessOf(request.method, request.routeOptions.url ?? '') ?? 'viewer';
    if (access === 'free' || access === 'peer') return done();
    const role = authority.roleOf(request.headers.authorization);
    if (role === undefined) {
      note(authority, 'unauthorized', request);
      const detail =
        'Send Authorization: Bearer with a token of the file that TOLLGATE_ADMIN_TOKENS_FILE names.';
      return reply
        .code(401)
        .header('WWW-Authenticate', 'Bearer')
        .send({ code: 'unauthorized', detail });
    }
    if (includes(role, access)) {
      if (access !== 'viewer') authority.acted(role, request.method, request.url);
      return done();
    }
    note(authority, 'forbidden', request);
    const detail = `This needs a token of the role ${access}; the one sent has the role ${role}.`;
    reply.code(403).send({ code: 'forbidden', detail });
  });
}

function note(authority: AdminAuthority, code: AdminRefusal, request: FastifyRequest): void {
  authority.refused(code, request.method, request.routeOptions.url ?? '');
}
