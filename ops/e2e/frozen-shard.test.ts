/** A shard that is stopped in the middle (SIGSTOP): its clients learn of it within some seconds. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { VISA } from '../testing/checkout-client.js';
import { type EdgeRequest, edgeRequest } from '../testing/edge-client.js';
import { EdgeFixture } from '../testing/edge-fixture.js';

describe('a frozen shard', { timeout: 120_000 }, () => {
  let edge: EdgeFixture;

  before(async () => {
    edge = await EdgeFixture.start();
    for (const engine of edge.engines) engine.child.kill('SIGSTOP');
  });

  after(async () => {
    for (const engine of edge.engines) engine.child.kill('SIGCONT');
    await edge.stop();
  });

  const secondsUntil503 = async (request: Partial<EdgeRequest>): Promise<number> => {
    const since = Date.now();
    const answer = await ask(request);
    assert.equal(answer.status, 503, JSON.stringify(answer));
    return (Date.now() - since) / 1_000;
  };
  const ask = ({ path = '', headers = {}, ...rest }: Partial<EdgeRequest>) => {
    const own = { 'x-payment-checkout-id': 'frozen-1', 'content-type': 'application/json' };
    const all = { ...edge.headersOf('alpha'), ...own, ...headers };
    return edgeRequest({ port: edge.port, ca: edge.ca, path, headers: all, ...rest });
  };

  it('should be 503 after 3 to 5 s for a POST and a plain GET, not so for a long poll', async () => {
    const post = secondsUntil503({ method: 'POST', path: '/payments', body: JSON.stringify(VISA) });
    const get = secondsUntil503({ path: '/payments/frozen-1' });
    let waited = false;
    const poll = ask({ path: '/payments/frozen-1', headers: { prefer: 'wait=10' } }).finally(
      () => (waited = true),
    );
    for (const seconds of await Promise.all([post, get]))
      assert.ok(seconds > 3 && seconds < 5, `after ${seconds} s`);
    assert.equal(waited, false);
    for (const engine of edge.engines) engine.child.kill('SIGCONT');
    assert.ok([200, 404].includes((await poll).status));
  });
});
