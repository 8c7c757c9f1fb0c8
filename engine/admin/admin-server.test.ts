import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newAdminServer } from './admin-server.js';

const schema = {
  body: {
    type: 'object',
    properties: { reason: { type: 'string' }, older_than_ms: { type: 'integer' } },
    minProperties: 1,
    additionalProperties: false,
  },
};

describe('an admin server', () => {
  const app = newAdminServer({ roleOf: () => 'admin', refused: () => {}, acted: () => {} });
  app.post('/moves', { schema }, (request) => request.body);
  app.get(
    '/rows',
    { schema: { querystring: { type: 'object', properties: { n: { type: 'integer' } } } } },
    (request) => request.query as object,
  );
  const statusOf = async (payload: object): Promise<number> =>
    (await app.inject({ method: 'POST', url: '/moves', payload })).statusCode;

  it('should refuse unknown fields and other types in a body, and change nothing in it', async () => {
    assert.equal(await statusOf({ reason: 'x', older_than_ms: 0 }), 200);
    const wrong = [
      { reason: 'x', older_then_ms: 600_000 },
      { reasons: 'x' },
      { older_than_ms: null },
      { older_than_ms: '600000' },
      { reason: 7 },
      {},
    ];
    for (const entry of wrong) assert.equal(await statusOf(entry), 400, JSON.stringify(entry));
  });

  it('should read a number from a query', async () => {
    assert.deepEqual((await app.inject('/rows?n=7')).json(), { n: 7 });
    assert.equal((await app.inject('/rows?n=x')).statusCode, 400);
  });

  it('should answer only who names a loopback host', async () => {
    const statusFor = async (host: string): Promise<number> =>
      (await app.inject({ url: '/rows', headers: { host } })).statusCode;
    for (const host of ['127.0.0.1:8081', 'localhost', 'LOCALHOST:1', '[::1]:8081', '127.1.2.3'])
      assert.equal(await statusFor(host), 200, host);
    const foreign = [
      'evil.example',
      '127.0.0.1.evil.example',
      'localhost.evil.example:8081',
      '8.8.8.8',
    ];
    for (const host of [...foreign, '127.0.0.1@evil.example', ' '])
      assert.equal(await statusFor(host), 421, host);
  });
});
