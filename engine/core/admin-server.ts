/**
 * An HTTP server for operators on loopback, as engine and processor have one. It answers only
 * requests that name a loopback host: a page in a browser on this machine cannot reach it by a
 * name of its own that leads here. Unknown fields and other types than the schema's are refused
 * in bodies: a misspelt field must not widen what is asked for.
 */
import Fastify, { type FastifyInstance } from 'fastify';
import { newAjv } from './ajv.js';

const BODY_BYTES_MAX = 16 * 1024;
const REQUEST_MS_MAX = 10_000;
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d{1,5})?$/i;

export function newAdminServer(): FastifyInstance {
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
    if (LOOPBACK.test(request.headers.host ?? '')) return done();
    const detail = 'Name this machine in the URL by 127.0.0.1, localhost or [::1].';
    reply.code(421).send({ code: 'host_not_allowed', detail });
  });
  return app;
}
