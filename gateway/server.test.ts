import type { HttpResponse } from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { SharedFlag } from '../engine/ring/shared-flags.js';
import { BrokenInvariant, EngineError } from '../engine/util/errors.js';
import { Merchants } from './auth/merchants.js';
import type { Message } from './checkouts/admission.js';
import type { Problem } from './http/problem.js';
import { Reply } from './http/reply.js';
import { buildServer, type ServerParts } from './server.js';

type Step = 'handler' | 'gate' | 'body' | 'answer' | 'webhook';
const BODY = JSON.stringify({ amount: 1, currency: 'USD', payment_method: 'pm_card_visa' });
const CHECKOUT = { 'X-PAYMENT-CHECKOUT-ID': 'order-7', 'Content-Type': 'application/json' };

describe('the boundary around a request', () => {
  let url: string;
  let close: () => void;
  /** What throws, and what. */
  let broken: Step | undefined;
  let error: unknown = new Error('planted');
  const reports: { subject: string; code: string; error: Error }[] = [];

  const breakAt = (step: Step): void => {
    if (broken === step) throw error;
  };

  before(async () => {
    const accepting = new SharedFlag();
    accepting.set(true);
    const parts = {
      admission: {
        submit(message: Message) {
          breakAt('body');
          message.encodeInto(Buffer.alloc(1_000), 0);
          // As the writer would: later, on a turn of its own.
          setImmediate(() => message.onWritten(broken === 'answer' ? 6 : 1, 0));
        },
      },
      reads: { read: () => breakAt('handler') },
      gate: {
        beforeRead: (_reply: unknown, _merchant: string, _id: string, goOn: () => void) => {
          breakAt('gate');
          goOn();
        },
        beforeAccept: (_reply: unknown, _merchant: string, _id: string, goOn: () => void) => goOn(),
      },
      providers: { check: () => undefined },
      merchants: new Merchants(undefined),
      webhooks: { handle: () => breakAt('webhook') },
      counts: { add() {} },
      accepting,
      shard: 0,
      countRefused() {},
      refusals: { note() {} },
      countRead() {},
      onError: (reply: Reply, problem: Problem, thrown: Error) => {
        reports.push({ subject: reply.subject, code: problem.code, error: thrown });
      },
    } as unknown as ServerParts;
    const port = await freePort();
    const app = buildServer(parts);
    await new Promise<void>((resolve) => app.listen('127.0.0.1', port, () => resolve()));
    url = `http://127.0.0.1:${port}`;
    close = () => app.close();
  });
  after(() => close());

  const CASES: readonly [Step, string, RequestInit, string][] = [
    ['handler', '/payments/order-7', {}, 'order-7'],
    ['gate', '/payments/order-7', {}, 'order-7'],
    ['body', '/payments', { method: 'POST', headers: CHECKOUT, body: BODY }, 'order-7'],
    [
      'webhook',
      '/webhooks/psp/simulator',
      { method: 'POST', body: '{}' },
      '/webhooks/psp/simulator',
    ],
  ];
  for (const [step, path, request, subject] of CASES) {
    it(`should answer 500, report the request, and go on when the ${step} throws`, async () => {
      broken = step;
      error = new Error('planted');
      await expect500(path, request, 'internal_error', subject);
    });
    it(`should say that the record is damaged when the ${step} cannot decode it`, async () => {
      broken = step;
      error = new EngineError('undecodable', 'planted');
      await expect500(path, request, 'record_damaged', subject);
    });
  }

  it('should answer 500 when the writer finds the stored checkout damaged', async () => {
    broken = 'answer';
    await expect500('/payments', CASES[2]![2], 'record_damaged', 'order-7');
  });

  it('should survive a thrown value that is no Error', async () => {
    broken = 'handler';
    error = undefined;
    await expect500('/payments/order-7', {}, 'internal_error', 'order-7');
  });

  it('should let a broken invariant through', () => {
    const reply = new Reply({ onAborted() {} } as unknown as HttpResponse, '/', () => {});
    const step = (): void => {
      throw new BrokenInvariant('planted');
    };
    assert.throws(() => reply.run(step), BrokenInvariant);
  });

  async function expect500(path: string, request: RequestInit, code: string, subject: string) {
    reports.length = 0;
    const answer = await fetch(`${url}${path}`, request);
    assert.equal(answer.status, 500);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.equal(((await answer.json()) as { code: string }).code, code);
    assert.deepEqual(
      reports.map((report) => [report.subject, report.code]),
      [[subject, code]],
    );
    broken = undefined;
    const next = await fetch(`${url}/nowhere`);
    assert.equal(next.status, 404);
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
