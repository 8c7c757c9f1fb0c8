import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { GatewayData } from '../engine/gateway-contract.js';
import { SharedFlag } from '../engine/ring/shared-flags.js';
import { Callers } from './auth/addresses.js';
import { Merchants } from './auth/merchants.js';
import type { Message } from './checkouts/admission.js';
import { PROBLEMS, type Problem } from './http/problem.js';
import { type Reply, send, sendProblem, sendWithoutBody } from './http/reply.js';
import { buildServer, type ServerParts } from './server.js';
import { Webhooks } from './webhooks/webhooks.js';

const KEY = 'tg_answer-headers';
const SECRET = 'a-secret-of-the-simulator';
const KEYED = { Authorization: `Bearer ${KEY}` };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const POST = { ...KEYED, ...JSON_TYPE, 'X-PAYMENT-CHECKOUT-ID': 'order-7' };
const BODY = JSON.stringify({ amount: 1, currency: 'USD', payment_method: 'pm_card_visa' });
const EVENT = JSON.stringify({ id: 'evt_1', data: {} });
const HOOK = '/webhooks/psp/simulator';

type Read = (reply: Reply) => void;

describe('every answer of the gateway', () => {
  const accepting = new SharedFlag();
  let url = '';
  let close = (): void => {};
  /** What the writer says, and what a read answers. */
  let written: number | Problem = 1;
  let read: Read = () => {};

  before(async () => {
    accepting.set(true);
    const admission = {
      messageBytesMax: 1_000_000,
      submit(message: Message) {
        setImmediate(() =>
          typeof written === 'number' ? message.onWritten(written, 0) : message.onRefused(written),
        );
      },
    };
    const goOn = (_reply: unknown, _merchant: string, _id: string, next: () => void) => next();
    const counts = { add() {} };
    const callers = new Callers([]);
    const refusals = { note() {} };
    const data = {
      webhookProviders: [{ name: 'simulator', secrets: [SECRET], addresses: [] }],
      shard: 0,
    } as unknown as GatewayData;
    const shared = { admission, accepting, counts, callers, refusals };
    const parts = {
      ...shared,
      reads: { read: (reply: Reply) => read(reply) },
      gate: { beforeRead: goOn, beforeAccept: goOn },
      providers: { check: () => undefined },
      merchants: new Merchants([{ merchant: 'acme', keys: [hash('sha256', KEY, 'hex')] }]),
      webhooks: await Webhooks.open(data, shared as never),
      shard: 0,
      countRefused() {},
      countRead() {},
      onError() {},
    } as unknown as ServerParts;
    const port = await freePort();
    const app = buildServer(parts);
    await new Promise<void>((resolve) => app.listen('127.0.0.1', port, () => resolve()));
    url = `http://127.0.0.1:${port}`;
    close = () => app.close();
  });
  after(() => close());

  const post = (headers: Record<string, string>, body = BODY): RequestInit => ({
    method: 'POST',
    headers: { ...POST, ...headers },
    body,
  });
  const hook = (body: string, headers: Record<string, string> = {}): RequestInit => ({
    method: 'POST',
    headers: { 'X-PSP-Signature': signed(body), ...headers },
    body,
  });
  const check = async (status: number, path: string, request: RequestInit): Promise<void> => {
    const answer = await fetch(`${url}${path}`, request);
    await answer.arrayBuffer();
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  };

  const CASES: readonly [status: number, path: string, request: RequestInit][] = [
    [202, '/payments', post({})],
    [204, '/payments', { method: 'OPTIONS' }],
    [204, '/payments/order-7', { method: 'OPTIONS' }],
    [204, HOOK, { method: 'OPTIONS' }],
    [400, '/payments', post({ 'X-PAYMENT-CHECKOUT-ID': 'a b' })],
    [400, '/payments', post({}, '{')],
    [400, '/payments', post({}, '{}')],
    [400, '/payments/a%20b', { headers: KEYED }],
    [400, HOOK, hook('{}')],
    [401, '/payments', { method: 'POST', headers: JSON_TYPE, body: BODY }],
    [401, '/payments', post({ Authorization: 'Bearer tg_other' })],
    [401, '/payments/order-7', {}],
    [401, HOOK, hook(EVENT, { 'X-PSP-Signature': 't=1,v1=00' })],
    [404, '/', {}],
    [404, '/webhooks/psp/other', { method: 'POST', body: '{}' }],
    [405, '/payments', {}],
    [405, '/payments/order-7', { method: 'DELETE' }],
    [405, HOOK, {}],
    [413, '/payments', post({}, `"${'x'.repeat(20_000)}"`)],
    [413, HOOK, hook(`"${'x'.repeat(300_000)}"`)],
    [415, '/payments', post({ 'Content-Type': 'text/plain' })],
    [415, '/payments', post({ 'Content-Encoding': 'gzip' })],
    [415, HOOK, hook(EVENT, { 'Content-Encoding': 'gzip' })],
  ];
  for (const [status, path, request] of CASES)
    it(`should forbid caching and sniffing: ${status} to ${request.method ?? 'GET'} ${path}`, () =>
      check(status, path, request));

  const READS: readonly [status: number, answer: Read][] = [
    [200, (reply) => send(reply, '200 OK', JSON_TYPE, '{}')],
    [304, (reply) => sendWithoutBody(reply, '304 Not Modified', { ETag: '"1"' })],
    ...Object.values(PROBLEMS).map((problem: Problem): [number, Read] => [
      Number(problem.status.slice(0, 3)),
      (reply) => sendProblem(reply, problem),
    ]),
    [
      500,
      () => {
        throw new Error('planted');
      },
    ],
  ];
  it('should forbid caching and sniffing in every read, HEAD and problem', async () => {
    for (const [status, answer] of READS) {
      read = answer;
      await check(status, '/payments/order-7', { headers: KEYED });
      await check(status, '/payments/order-7', { headers: KEYED, method: 'HEAD' });
    }
  });

  it('should forbid caching and sniffing when the writer refuses or nothing is accepted', async () => {
    for (const [status, result] of [
      [422, 3],
      [500, 6],
      [503, PROBLEMS.busy],
    ] as const) {
      written = result;
      await check(status, '/payments', post({}));
    }
    accepting.set(false);
    await check(503, '/payments', post({}));
    await check(503, HOOK, hook(EVENT));
  });
});

function signed(body: string): string {
  const t = Math.floor(Date.now() / 1_000);
  return `t=${t},v1=${createHmac('sha256', SECRET).update(`${t}.${body}`).digest('hex')}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
