/**
 * A proxy between a processor and a provider. A rule may drop, delay or replace the answer to a
 * request; all other requests are passed on.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface ProxyAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface Passed {
  readonly method: string;
  /** Decoded. */
  readonly path: string;
  readonly body: string;
}

/** `swallow`: not passed on, and never answered. An answer: passed on, and answered so. */
export type Rule = (request: Passed) => ProxyAnswer | 'swallow' | undefined;

export interface ProviderProxy {
  readonly url: string;
  /** Where requests are passed on to. */
  target: string;
  rule: Rule;
  /** Of those that came, in order. */
  readonly seen: Passed[];
  close(): Promise<void>;
}

export function html(status: number): ProxyAnswer {
  return { status, type: 'text/html', body: `<html><h1>${status}</h1>the proxy says no</html>` };
}

export async function startProxy(): Promise<ProviderProxy> {
  const server = createServer((request, response) => {
    handle(proxy, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const proxy: ProviderProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: '',
    rule: () => undefined,
    seen: [],
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  return proxy;
}

async function handle(
  proxy: ProviderProxy,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await text(request);
  const { method = 'GET', url = '/' } = request;
  const passed = { method, path: decodeURIComponent(url), body };
  proxy.seen.push(passed);
  const ruled = proxy.rule(passed);
  if (ruled === 'swallow') return;
  const answer = await passOn(proxy.target + url, method, body, request.headers);
  const { status, type, body: said } = ruled ?? answer;
  response.writeHead(status, { 'content-type': type }).end(said);
}

async function passOn(
  url: string,
  method: string,
  body: string,
  headers: IncomingMessage['headers'],
): Promise<ProxyAnswer> {
  const key = headers['idempotency-key'];
  const answer = await fetch(url, {
    method,
    headers: {
      ...(body === '' ? {} : { 'content-type': 'application/json' }),
      ...(typeof key === 'string' ? { 'idempotency-key': key } : {}),
    },
    ...(body === '' ? {} : { body }),
  });
  const type = answer.headers.get('content-type') ?? 'text/plain';
  return { status: answer.status, type, body: await answer.text() };
}
