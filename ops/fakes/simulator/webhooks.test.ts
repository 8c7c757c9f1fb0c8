import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { simulatorConfig } from '../../../engine/config/config.js';
import { createLogger } from '../../../engine/util/log.js';
import { eventually, freePorts, sleep } from '../../testing/engine-process.js';
import { type Simulator, startSimulator } from './index.js';
import type { WebhookEvent } from './webhooks.js';

const SECRET = 'whsec_of_this_test_only';

describe("the simulator's webhooks", { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-callbacks-'));
  const received: { path: string; event: WebhookEvent; isGenuine: boolean }[] = [];
  let refusals = 0;
  let url: string;
  let receiver: Server;
  let simulator: Simulator;

  before(async () => {
    receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        if (refusals-- > 0) return response.writeHead(503).end();
        const [, t, v1] = /^t=(\d+),v1=(\w+)$/.exec(`${request.headers['x-psp-signature']}`) ?? [];
        const expected = createHmac('sha256', SECRET).update(`${t}.${body}`).digest('hex');
        const isGenuine = v1 === expected && Math.abs(Date.now() / 1_000 - Number(t)) < 5;
        received.push({ path: request.url!, event: JSON.parse(body), isGenuine });
        return response.writeHead(200).end();
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const [port] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const config = simulatorConfig({
      TOLLGATE_SIMULATOR_PORT: `${port}`,
      TOLLGATE_SIMULATOR_DIR: dir,
      TOLLGATE_WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`,
      TOLLGATE_WEBHOOK_SECRET: SECRET,
    });
    simulator = await startSimulator(config, createLogger('test', 'error'));
  });
  after(async () => {
    await simulator.close();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(dir, { recursive: true });
  });

  const call = async (path: string, body: object, method = 'POST') => {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': `k${Math.random()}` };
    const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
    return (await response.json()) as { reference: string };
  };
  const charge = (id: string, payment_method: string) =>
    call('/v1/charges', {
      merchant: 'm',
      checkout_id: id,
      amount: 9,
      currency: 'USD',
      payment_method,
    });
  const of = (id: string) => received.filter((entry) => entry.event.data.checkout_id === id);
  const types = (id: string) => of(id).map((entry) => entry.event.type);

  it('should sign each event and name its payment in path and data', async () => {
    const { reference } = await charge('plain', 'pm_card_visa');
    await eventually('it came', 5_000, async () => of('plain').length === 1);
    const [{ path, event, isGenuine }] = of('plain') as [(typeof received)[number]];
    assert.equal(path, '/hooks/m/plain');
    assert.ok(isGenuine);
    assert.deepEqual(
      { ...event.data, failure_code: undefined },
      {
        merchant: 'm',
        checkout_id: 'plain',
        reference,
        status: 'captured',
        amount: 9,
        currency: 'USD',
        failure_code: undefined,
      },
    );
  });

  it('should tell of every change, twice or never where the token says so', async () => {
    for (const token of [
      'pm_requires_action',
      'pm_webhook_twice',
      'pm_webhook_lost',
      'pm_card_declined',
    ])
      await charge(token, token);
    await eventually('the captures came', 5_000, async () => {
      return of('pm_requires_action').length === 2 && of('pm_webhook_twice').length === 4;
    });
    assert.deepEqual(types('pm_requires_action'), ['charge.authorized', 'charge.captured']);
    assert.deepEqual(types('pm_card_declined'), ['charge.declined']);
    assert.deepEqual(types('pm_webhook_lost'), []);
    assert.equal(new Set(of('pm_webhook_twice').map((entry) => entry.event.id)).size, 2);
  });

  it('should try again until it is answered 2xx, signed anew', async () => {
    refusals = 2;
    await charge('refused', 'pm_card_visa');
    await eventually('it came', 5_000, async () => of('refused').length === 1);
    assert.ok(of('refused')[0]?.isGenuine);
  });

  it('should tell of a dispute', async () => {
    const { reference } = await charge('disputed', 'pm_card_visa');
    await call(`/v1/charges/${reference}/dispute`, { amount: 4 });
    await eventually('it came', 5_000, async () => of('disputed').length === 2);
    assert.deepEqual(types('disputed'), ['charge.captured', 'charge.disputed']);
    assert.equal(of('disputed')[1]?.event.data.amount, 4);
  });

  it('should lose, repeat and delay what the faults say', async () => {
    await call('/faults', { webhook_drop_rate: 1 });
    await charge('dropped', 'pm_card_visa');
    await call('/faults', {
      webhook_drop_rate: 0,
      webhook_repeat_rate: 1,
      webhook_reorder_rate: 1,
    });
    await charge('repeated', 'pm_card_visa');
    assert.ok(of('repeated').length < 2, 'nothing waited');
    await eventually('both came', 5_000, async () => of('repeated').length === 2);
    await sleep(100);
    assert.deepEqual(types('dropped'), []);
  });
});
