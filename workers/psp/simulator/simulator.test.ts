import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { processorConfig, simulatorConfig } from '../../../engine/config/config.js';
import { createLogger } from '../../../engine/util/log.js';
import { type Simulator, startSimulator } from '../../../ops/fakes/simulator/index.js';
import { freePorts } from '../../../ops/testing/engine-process.js';
import { answerOf } from './answers.js';
import { meaningOf, type Operation, type Shape } from './meaning.js';
import { SimulatorPsp } from './simulator-psp.js';

const OPERATIONS: readonly Operation[] = ['charge', 'find', 'cancel', 'capture', 'refund'];
const STATUSES = Array.from({ length: 500 }, (_, i) => 100 + i);
const CHARGE = {
  reference: 'ch_1',
  merchant: 'default',
  checkout_id: 'c',
  status: 'captured',
  amount: 1_999,
  currency: 'USD',
};
const SHAPES: Readonly<Record<string, Shape>> = {
  captured: { kind: 'charge', status: 'captured' },
  refunded: { kind: 'charge', status: 'refunded' },
  authorized: { kind: 'charge', status: 'authorized' },
  declined: { kind: 'charge', status: 'declined' },
  canceled: { kind: 'charge', status: 'canceled' },
  refund: { kind: 'refund' },
  'declined charge': { kind: 'declined_charge' },
  foreign: { kind: 'foreign' },
  ...Object.fromEntries(
    [
      'invalid_request',
      'idempotency_key_reuse',
      'idempotency_key_in_use',
      'not_found',
      'no_such_route',
      'already_captured',
      'not_cancelable',
      'not_capturable',
      'refund_exceeds_charge',
      'anything_else',
    ].map((code) => [code, { kind: 'error' as const, code }]),
  ),
};

/** Written again here, so that the test does not believe the table: all that is not `unknown`. */
const FINAL = new Set([
  ...[200, 201, 202].flatMap((status) => [
    ...['charge', 'find', 'capture'].flatMap((operation) => [
      `${operation} ${status} captured: approved`,
      `${operation} ${status} refunded: approved`,
      `${operation} ${status} declined: declined`,
      `${operation} ${status} canceled: declined canceled`,
    ]),
    `cancel ${status} canceled: approved`,
    `find ${status} refund: approved`,
    `refund ${status} refund: approved`,
  ]),
  'charge 402 declined charge: declined',
  'charge 400 invalid_request: declined invalid_request',
  'refund 400 invalid_request: declined invalid_request',
  'find 404 not_found: declined not_found',
  'cancel 404 not_found: declined not_found',
  'capture 404 not_found: declined not_found',
  'refund 404 not_found: declined not_found',
  'cancel 400 already_captured: declined already_captured',
  'cancel 400 not_cancelable: declined not_cancelable',
  'capture 400 not_capturable: declined not_capturable',
  'refund 400 refund_exceeds_charge: declined refund_exceeds_charge',
]);

describe('the simulator: status and body to outcome', () => {
  it('should hold for every operation, status and body', () => {
    const seen = new Set<string>();
    for (const operation of OPERATIONS)
      for (const status of STATUSES)
        for (const [name, shape] of Object.entries(SHAPES)) {
          const { outcome, failureCode, problem } = meaningOf(operation, status, shape);
          const where = `${operation} ${status} ${name}`;
          if (outcome === 'unknown') continue;
          if (outcome === 'not_sent') {
            assert.ok(status === 429 && shape.kind === 'error', where);
            continue;
          }
          assert.equal(problem, null, where);
          const code = failureCode === null || failureCode === 'declined' ? '' : ` ${failureCode}`;
          seen.add(`${where}: ${outcome}${code}`);
        }
    assert.deepEqual([...seen].sort(), [...FINAL].sort());
  });

  it('should name the problem of what is no word of the provider', () => {
    for (const [status, shape, problem] of [
      [404, SHAPES['foreign'], 'foreign_answer'],
      [200, SHAPES['foreign'], 'foreign_answer'],
      [429, SHAPES['foreign'], 'foreign_answer'],
      [400, SHAPES['idempotency_key_reuse'], 'key_conflict'],
      [409, SHAPES['idempotency_key_in_use'], 'key_in_use'],
      [401, SHAPES['anything_else'], 'provider_refuses_us'],
      [403, SHAPES['anything_else'], 'provider_refuses_us'],
      [404, SHAPES['no_such_route'], 'provider_error'],
      [500, SHAPES['anything_else'], 'provider_error'],
    ] as const)
      assert.equal(meaningOf('charge', status, shape!).problem, problem, `${status}`);
  });
});

describe('the simulator: which body is its own', () => {
  const read = (httpStatus: number, body: unknown, asked: string | null = 'k') => {
    const { outcome, problem, payment } = answerOf('find', asked, {
      httpStatus,
      headers: {},
      text: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return [outcome, problem, payment];
  };
  const absent = (id: unknown) => ({
    object: 'simulator_error',
    error: { code: 'not_found', message: 'no such charge', id },
  });

  it('should take a whole charge, with the payment that it names', () => {
    assert.deepEqual(read(200, CHARGE), ['approved', null, 'default/c']);
  });

  for (const [name, change] of [
    ['no reference', { reference: undefined }],
    ['no amount', { amount: undefined }],
    ['an amount as text', { amount: '1999' }],
    ['no currency', { currency: undefined }],
    ['a status of its own', { status: 'done' }],
    ['no payment', { checkout_id: undefined }],
  ] as const)
    it(`should not take a charge with ${name}`, () => {
      assert.deepEqual(read(200, { ...CHARGE, ...change }), ['unknown', 'foreign_answer', null]);
    });

  it('should take an absence only when it names what was asked for', () => {
    assert.deepEqual(read(404, absent('k')), ['declined', null, null]);
    for (const id of ['other', undefined, 1])
      assert.deepEqual(read(404, absent(id)), ['unknown', 'foreign_answer', null]);
    assert.deepEqual(read(404, { error: { code: 'not_found', message: 'x', id: 'k' } }), [
      'unknown',
      'foreign_answer',
      null,
    ]);
  });
});

describe('the simulator behind a proxy that decodes %2F', { timeout: 30_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-decoding-'));
  let simulator: Simulator;
  let proxy: Server;
  let psp: SimulatorPsp;
  before(async () => {
    const [port] = (await freePorts(1)) as [number];
    const settings = { TOLLGATE_SIMULATOR_PORT: `${port}`, TOLLGATE_SIMULATOR_DIR: dir };
    simulator = await startSimulator(simulatorConfig(settings), createLogger('test', 'error'));
    proxy = createServer((request, response) => {
      const path = request.url!.replaceAll(/%2f/gi, '/');
      void fetch(`http://127.0.0.1:${port}${path}`).then(async (answer) =>
        response.writeHead(answer.status).end(await answer.text()),
      );
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    psp = new SimulatorPsp('simulator', url, processorConfig({}));
  });
  after(async () => {
    await psp.close();
    proxy.closeAllConnections();
    proxy.close();
    await simulator.close();
    rmSync(dir, { recursive: true });
  });

  it('should prove no absence: the route that is not found is not the charge', async () => {
    const answer = await psp.find({
      merchant: 'default',
      checkoutId: 'c',
      idempotencyKey: 'default/c/charge/1',
      amountMinor: 1,
      currency: 'USD',
      operation: 'charge',
      reference: null,
    });
    assert.deepEqual([answer.outcome, answer.problem], ['unknown', 'provider_error']);
    assert.equal(answer.httpStatus, 404);
  });
});
