/** Bad input of every kind: always a documented error, never a crash, never a leak. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { post, VISA } from '../../testing/checkout-client.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import { residentMb } from '../../testing/memory.js';
import type { Proof, Stage } from '../../testing/proof.js';

const GROWTH_MB_MAX = 100;
const ANSWER_MS_MAX = 30_000;

export const badInput: Proof = {
  name: 'bad-input',
  shows:
    'malformed bodies, headers and connections get their documented error; nothing crashes or leaks',
  async run(stage: Stage) {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-bad-'));
    const engine = await startEngineProcess({ TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off' });
    try {
      await bodies(stage, engine.api);
      await rawRequests(stage, Number(new URL(engine.api).port));
      await randomBodies(stage, engine.api, 1_000);
      const before = residentMb(engine.child.pid!);
      await randomBodies(stage, engine.api, stage.size(2_000, 10_000));
      await abortedRequests(Number(new URL(engine.api).port), stage.size(500, 5_000));
      const growth = residentMb(engine.child.pid!) - before;
      stage.figure('memory grew by', `${growth.toFixed(0)} MB`);
      stage.must(growth < GROWTH_MB_MAX, 'memory leaks');
      stage.must((await post(engine.api, 'sane')).status === 202, 'a good checkout is refused');
      stage.must(engine.child.exitCode === null, 'the engine ended');
    } finally {
      await engine.stop();
      rmSync(dir, { recursive: true });
    }
  },
};

async function bodies(stage: Stage, api: string): Promise<void> {
  const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
  const cases: [string, unknown, number][] = [
    ['no JSON', '{', 400],
    ['an array', '[]', 400],
    ['null', 'null', 400],
    ['a string amount', { ...VISA, amount: '1' }, 400],
    ['a fraction', { ...VISA, amount: 1.5 }, 400],
    ['zero', { ...VISA, amount: 0 }, 400],
    ['too much', { ...VISA, amount: 1e12 }, 400],
    ['an unknown currency', { ...VISA, currency: 'XXQ' }, 400],
    ['an unknown field', { ...VISA, card: '1' }, 400],
    ['U+0000', { ...VISA, description: 'a\u0000' }, 400],
    [
      'a lone surrogate',
      '{"amount":1,"currency":"USD","payment_method":"x","description":"\\ud800"}',
      400,
    ],
    [
      '__proto__ in metadata',
      '{"amount":1,"currency":"USD","payment_method":"x","metadata":{"__proto__":"x"}}',
      400,
    ],
    ['deeply nested', deep, 400],
    ['too large', 'x'.repeat(20_000), 413],
    ['another id in the body', { ...VISA, payment_checkout_id: 'other' }, 400],
    ['the same id in the body', { ...VISA, payment_checkout_id: 'case' }, 202],
  ];
  for (const [name, body, expected] of cases) {
    const answer = await post(api, 'case', body);
    stage.must(answer.status === expected, `${name}: ${answer.status} instead of ${expected}`);
    if (expected !== 202) stage.must(isProblem(answer), `${name}: no problem document`);
  }
  stage.figure('bodies', `${cases.length} right`);
}

/** Sends bytes as they are. */
async function rawRequests(stage: Stage, port: number): Promise<void> {
  const body = JSON.stringify(VISA);
  const request = (headers: string[], line = 'POST /payments HTTP/1.1'): string =>
    `${[line, 'Host: x', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;
  const id = 'X-PAYMENT-CHECKOUT-ID: raw-1';
  const json = 'Content-Type: application/json';
  const length = `Content-Length: ${body.length}`;
  const cases: [string, string, RegExp][] = [
    ['no id', request([json, length]) + body, / 400 /],
    ['an odd id', request(['X-PAYMENT-CHECKOUT-ID: a/b', json, length]) + body, / 400 /],
    [
      'an id of 65',
      request([`X-PAYMENT-CHECKOUT-ID: ${'a'.repeat(65)}`, json, length]) + body,
      / 400 /,
    ],
    [
      'a card number as id',
      request(['X-PAYMENT-CHECKOUT-ID: 4242424242424242', json, length]) + body,
      / 400 /,
    ],
    ['no content type', request([id, length]) + body, / 415 /],
    ['no length', request([id, json]), / 411 /],
    ['PUT', request([id], 'PUT /payments HTTP/1.1'), / 405 /],
    ['another path', request([id], 'GET /nothing HTTP/1.1'), / 404 /],
    ['a huge header', request([`X-Big: ${'a'.repeat(100_000)}`]), /^HTTP\/1.1 4|^$/],
    ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1.1 [45]|^$/],
  ];
  for (const [name, bytes, expected] of cases) {
    const answer = await exchange(port, bytes);
    stage.must(expected.test(answer.split('\r\n')[0]!), `${name}: ${answer.split('\r\n')[0]}`);
  }
  const slow = await exchange(port, request([id, json, length]) + body.slice(0, 10));
  stage.must(!slow.includes(' 202 '), 'half a body was accepted');
  stage.figure('raw requests', `${cases.length} right; half a body is cut off`);
}

async function randomBodies(stage: Stage, api: string, count: number): Promise<void> {
  const value = fc.oneof(
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc.object().map((entry) => JSON.stringify({ ...VISA, ...entry })),
  );
  const samples = fc.sample(value, { numRuns: count, seed: 7 });
  const queue = samples.entries();
  const strange: string[] = [];
  const client = async (): Promise<void> => {
    for (const [i, body] of queue) {
      const answer = await post(api, `random-${i}`, body);
      const isRight =
        answer.status === 202 || ([400, 413, 422].includes(answer.status) && isProblem(answer));
      if (!isRight) strange.push(`${answer.status} for ${body.slice(0, 80)}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  stage.figure('random bodies / strange answers', `${samples.length} / ${strange.length}`);
  stage.must(strange.length === 0, strange[0] ?? '');
}

/** Connections that end in the middle of a request. */
async function abortedRequests(port: number, count: number): Promise<void> {
  const head = 'POST /payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const bytes = `${head}X-PAYMENT-CHECKOUT-ID: gone\r\nContent-Length: 70\r\n\r\n{"amount"`;
  for (let n = 0; n < count; n += 50) {
    await Promise.all(
      Array.from(
        { length: 50 },
        () =>
          new Promise<void>((done) => {
            const socket = connect(port, '127.0.0.1', () =>
              socket.write(bytes, () => socket.destroy()),
            );
            socket.once('close', () => done()).once('error', () => {});
          }),
      ),
    );
  }
}

function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk)).on('error', () => {});
    socket.once('close', () => resolve(answer));
  });
}

function isProblem(answer: { body: string; headers: Headers }): boolean {
  const isType = answer.headers.get('content-type') === 'application/problem+json';
  return isType && typeof (JSON.parse(answer.body) as { code?: unknown }).code === 'string';
}
