import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Answer, get, post, VISA } from '../testing/checkout-client.js';
import { type EngineProcess, startEngineProcess } from '../testing/engine-process.js';

describe('accepting a checkout', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-accept-'));
  let engine: EngineProcess;

  before(async () => {
    engine = await startEngineProcess({ TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off' });
  });
  after(async () => {
    assert.equal(await engine.stop(), 0);
    rmSync(dir, { recursive: true });
  });

  const expectProblem = (answer: Answer, status: number, code: string): void => {
    assert.equal(answer.status, status, answer.body);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.equal(JSON.parse(answer.body).code, code);
  };

  it('should answer pending, and the same bytes again for the same meaning', async () => {
    const first = await post(engine.api, 'same-1', { ...VISA, metadata: { a: '1', b: '2' } });
    assert.equal(first.status, 202);
    assert.equal(first.headers.get('idempotent-replayed'), null);
    assert.equal(first.headers.get('location'), '/payments/same-1');
    const text =
      ' {"metadata":{"b":"2","a":"1"},"payment_checkout_id":"same-1","payment_method":"pm_card_visa","currency":"USD","amount":1.999e3}';
    const again = await post(engine.api, 'same-1', text);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.equal(again.body, first.body);
  });

  it('should refuse another body for the same id', async () => {
    await post(engine.api, 'other-1');
    expectProblem(
      await post(engine.api, 'other-1', { ...VISA, amount: 2000 }),
      422,
      'idempotency_key_reuse',
    );
  });

  it('should answer 200 copies at once with one acceptance and 199 replays of the same bytes', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => post(engine.api, 'copies-1')),
    );
    assert.equal(new Set(answers.map((answer) => answer.body)).size, 1);
    assert.ok(answers.every((answer) => answer.status === 202));
    assert.equal(
      answers.filter((answer) => answer.headers.get('idempotent-replayed') === null).length,
      1,
    );
  });

  it('should read a payment with an ETag and answer 304 while it has not changed', async () => {
    await post(engine.api, 'read-1');
    const answer = await get(engine.api, 'read-1');
    assert.equal(JSON.parse(answer.body).status, 'pending');
    assert.equal(answer.headers.get('retry-after'), '2');
    const etag = answer.headers.get('etag')!;
    assert.equal((await get(engine.api, 'read-1', { 'If-None-Match': etag })).status, 304);
    const start = Date.now();
    assert.equal((await get(engine.api, 'read-1', { Prefer: 'wait=1' })).status, 200);
    assert.ok(Date.now() - start >= 990, 'a long poll waits');
    expectProblem(await get(engine.api, 'absent-1'), 404, 'payment_not_found');
  });

  it('should refuse bad ids and bodies with the documented code', async () => {
    expectProblem(await post(engine.api, ''), 400, 'checkout_id_missing');
    expectProblem(await post(engine.api, 'a b'), 400, 'checkout_id_invalid');
    expectProblem(await post(engine.api, '4242424242424242'), 400, 'card_data_refused');
    expectProblem(await post(engine.api, 'bad-1', '{"amount":'), 400, 'invalid_json');
    expectProblem(
      await post(engine.api, 'bad-1', { ...VISA, amount: '1' }),
      400,
      'invalid_request',
    );
    expectProblem(
      await post(engine.api, 'bad-1', { ...VISA, amount: 1e12 }),
      400,
      'invalid_request',
    );
    expectProblem(
      await post(engine.api, 'bad-1', { ...VISA, currency: 'XXZ' }),
      400,
      'invalid_request',
    );
    expectProblem(await post(engine.api, 'bad-1', { ...VISA, cvv: '1' }), 400, 'card_data_refused');
    expectProblem(
      await post(engine.api, 'bad-1', { ...VISA, description: 'a\u0000b' }),
      400,
      'invalid_request',
    );
    expectProblem(
      await post(
        engine.api,
        'bad-1',
        '{"amount":1,"currency":"USD","payment_method":"p","description":"\\ud800"}',
      ),
      400,
      'invalid_request',
    );
    expectProblem(
      await post(engine.api, 'bad-1', { ...VISA, payment_checkout_id: 'bad-2' }),
      400,
      'checkout_id_mismatch',
    );
    expectProblem(
      await post(engine.api, 'bad-1', { ...VISA, description: 'x'.repeat(17_000) }),
      413,
      'body_too_large',
    );
    assert.equal((await get(engine.api, 'bad-1')).status, 404);
  });

  it('should hold every key and value of metadata to what is documented', async () => {
    const refused: Record<string, unknown>[] = [
      { 'a\nb': null },
      { 'a\nb': { length: -1 } },
      { 'a\nb': 42 },
      { '\u2028': [] },
      { 'a\r\n': 'x'.repeat(501) },
      { ['k'.repeat(41)]: 'v' },
      { [`${'k'.repeat(20)}\n${'k'.repeat(20)}`]: 'v' },
      { '': 'v' },
      { 'a\u0000': 'v' },
      { a: '\ud800' },
      { '\ud800': 'v' },
      { constructor: {} },
      Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, 'v'])),
    ];
    for (const [i, metadata] of refused.entries()) {
      const answer = await post(engine.api, `metadata-${i}`, { ...VISA, metadata });
      expectProblem(answer, 400, 'invalid_request');
      assert.equal((await get(engine.api, `metadata-${i}`)).status, 404);
    }
    const prototype =
      '{"amount":1,"currency":"USD","payment_method":"p","metadata":{"__proto__":"v"}}';
    expectProblem(await post(engine.api, 'metadata-proto', prototype), 400, 'invalid_request');
    const taken = {
      'a\nb': 'c\nd',
      constructor: 'v',
      toString: 'v',
      ['k'.repeat(40)]: 'v'.repeat(500),
    };
    assert.equal(
      (await post(engine.api, 'metadata-taken', { ...VISA, metadata: taken })).status,
      202,
    );
    assert.equal((await get(engine.api, 'metadata-taken')).status, 200);
  });

  it('should answer random bodies with a documented error or an acceptance, never a crash', async () => {
    const documented = new Set([202, 400, 411, 413]);
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.object().map((entry) => JSON.stringify({ ...VISA, ...entry })),
        ),
        async (body) => {
          const answer = await post(engine.api, `random-${n++}`, body);
          assert.ok(documented.has(answer.status), `${answer.status} ${answer.body}`);
        },
      ),
      { numRuns: 500 },
    );
    assert.equal((await fetch(`${engine.admin}/healthz`)).status, 200);
  });
});
