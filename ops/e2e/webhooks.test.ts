import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Stripe } from 'stripe';
import { webhookReceived } from '../../engine/codec/records.js';
import { Store } from '../../engine/store/store.js';
import type { Answer } from '../testing/checkout-client.js';
import { type EngineProcess, startEngineProcess } from '../testing/engine-process.js';
import { callBack, eventOf } from '../testing/webhook-client.js';

const NEW = 'whsec_the_new_one_';
const OLD = 'whsec_the_old_one_';
const RETIRED = 'whsec_retired_one_';
const STRIPE = 'whsec_stripe_of_this_test';
const DATA = { merchant: 'default', checkout_id: 'c1', reference: 'ch_1', status: 'captured' };

describe('webhooks at the gateway', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-webhooks-'));
  const settings = {
    TOLLGATE_DATA_DIR: join(dir, 'shard-0'),
    TOLLGATE_CDC: 'off',
    TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: `${NEW},${OLD}`,
    TOLLGATE_SIMULATORS: '{"simulator_b": "http://127.0.0.1:8091"}',
    TOLLGATE_STRIPE_WEBHOOK_SECRETS: STRIPE,
    TOLLGATE_STRIPE_WEBHOOK_ADDRESSES: '192.0.2.0/24,2001:db8::/32',
  };
  let engine: EngineProcess;
  before(async () => {
    engine = await startEngineProcess(settings);
  });
  after(async () => {
    await engine.stop();
    rmSync(dir, { recursive: true });
  });
  const send = (
    id: string,
    options: Partial<Parameters<typeof callBack>[2]> = {},
  ): Promise<Answer> => callBack(engine.api, eventOf(id, DATA), { secret: NEW, ...options });
  const mustBe = (answer: Answer, status: number, code?: string): void => {
    assert.equal(answer.status, status, answer.body);
    if (code) assert.equal(JSON.parse(answer.body).code, code);
  };

  it('should take a signed event, and its repeat, by either path', async () => {
    const first = await send('evt_1');
    const again = await send('evt_1', { path: '/webhooks/psp/simulator/default/c1' });
    mustBe(first, 200);
    mustBe(again, 200);
    assert.equal(first.headers.get('Idempotent-Replayed'), null);
    assert.equal(again.headers.get('Idempotent-Replayed'), 'true');
  });

  it('should know the event again after kill -9', async () => {
    mustBe(await send('evt_durable'), 200);
    await engine.stop('SIGKILL');
    engine = await startEngineProcess(settings);
    assert.equal((await send('evt_durable')).headers.get('Idempotent-Replayed'), 'true');
  });

  it('should take the events of a further simulator under its own name', async () => {
    for (const path of ['/webhooks/psp/simulator_b', '/webhooks/psp/simulator_b/default/c1'])
      mustBe(await send('evt_1', { path }), 200);
    const retired = { secret: RETIRED, path: '/webhooks/psp/simulator_b' };
    mustBe(await send('evt_b', retired), 401, 'signature_invalid');
  });

  it('should take the secret before the newest one, and no retired one', async () => {
    mustBe(await send('evt_old', { secret: OLD }), 200);
    mustBe(await send('evt_retired', { secret: RETIRED }), 401, 'signature_invalid');
  });

  it('should refuse a changed byte, a missing signature and a time that is off', async () => {
    const body = eventOf('evt_2', DATA);
    const changed = body.replace('captured', 'cbptured');
    mustBe(await send('evt_2', { sentBody: changed }), 401, 'signature_invalid');
    mustBe(await send('evt_2', { sentBody: `${body} ` }), 401, 'signature_invalid');
    for (const header of ['', 't=1', 'v1=00', 't=x,v1=y', `t=1,v1=${'0'.repeat(64)}`]) {
      const code = header === '' ? 'signature_missing' : 'signature_invalid';
      mustBe(await send('evt_2', { headers: { 'X-PSP-Signature': header } }), 401, code);
    }
    mustBe(await send('evt_2', { skewSeconds: -310 }), 401, 'timestamp_out_of_range');
    mustBe(await send('evt_2', { skewSeconds: 310 }), 401, 'timestamp_out_of_range');
    mustBe(await send('evt_2', { skewSeconds: -290 }), 200);
  });

  it('should refuse what is no event, and other providers and methods', async () => {
    mustBe(await callBack(engine.api, 'no json', { secret: NEW }), 400, 'invalid_json');
    const marked = `\ufeff${eventOf('evt_marked', DATA)}`;
    mustBe(await callBack(engine.api, marked, { secret: NEW }), 400, 'invalid_json');
    mustBe(await callBack(engine.api, 'null', { secret: NEW }), 400, 'event_id_invalid');
    mustBe(await callBack(engine.api, '{"id":"a/b"}', { secret: NEW }), 400, 'event_id_invalid');
    mustBe(await send('evt_3', { path: '/webhooks/psp/nobody' }), 404, 'not_found');
    const got = await fetch(`${engine.api}/webhooks/psp/simulator`);
    assert.equal(got.status, 405);
    assert.equal(got.headers.get('allow'), 'POST, OPTIONS');
  });

  it('should take 256 KiB and not a byte more', async () => {
    const filled = (id: string, bytes: number): string => {
      const empty = eventOf(id, { ...DATA, padding: '' });
      return eventOf(id, { ...DATA, padding: 'x'.repeat(bytes - empty.length) });
    };
    const largest = filled('evt_large', 256 * 1024);
    assert.equal(largest.length, 256 * 1024);
    mustBe(await callBack(engine.api, largest, { secret: NEW }), 200);
    const larger = filled('evt_larger', 256 * 1024 + 1);
    mustBe(await callBack(engine.api, larger, { secret: NEW }), 413, 'body_too_large');
  });

  it("should believe Stripe's own signatures, from Stripe's addresses only", async () => {
    const payload = JSON.stringify({ id: 'evt_s', object: 'event', data: { object: {} } });
    const sign = (text: string, timestamp = Date.now() / 1_000): string =>
      Stripe.webhooks.generateTestHeaderString({ payload: text, secret: STRIPE, timestamp });
    const post = (sent: string | Buffer, signature: string, realIp: string): Promise<Answer> =>
      callBack(engine.api, '', {
        secret: 'none',
        sentBody: sent,
        path: '/webhooks/psp/stripe',
        headers: { 'Stripe-Signature': signature, 'X-Real-IP': realIp },
      });
    for (const address of ['192.0.2.7', '2001:db8::7', '::ffff:192.0.2.8'])
      mustBe(await post(payload, sign(payload), address), 200);
    for (const address of ['192.0.3.1', '2001:db9::1', 'localhost', '192.0.2', '127.0.0.1'])
      mustBe(await post(payload, sign(payload), address), 403, 'address_not_allowed');
    const [allowed] = ['192.0.2.7'];
    mustBe(await post(`${payload} `, sign(payload), allowed!), 401, 'signature_invalid');
    for (const skew of [-310, 310]) {
      const header = sign(payload, Date.now() / 1_000 + skew);
      mustBe(await post(payload, header, allowed!), 401, 'timestamp_out_of_range');
    }
    // The package itself would read both of these as the body that was signed.
    const mark = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(payload)]);
    mustBe(await post(mark, sign(payload), allowed!), 401, 'signature_invalid');
    const replaced = '{"id":"evt_\ufffd"}';
    const broken = Buffer.from(replaced.replace('\ufffd', '#'));
    broken[broken.indexOf('#')] = 0xff;
    mustBe(await post(broken, sign(replaced), allowed!), 401, 'signature_invalid');
  });

  it('should count them, and show no secret', async () => {
    assert.ok((await engine.metric('gateway_webhooks_total')) >= 3);
    assert.ok((await engine.metric('gateway_webhook_refusals_total')) >= 3);
    const config = await (
      await fetch(`${engine.admin}/config`, { headers: engine.headers })
    ).text();
    assert.match(config, /"simulatorWebhookSecrets":"\(secret\)"/);
    for (const text of [config, engine.output()])
      for (const secret of [NEW, OLD, STRIPE]) assert.ok(!text.includes(secret));
  });

  it('should say what is too large for small lanes, rather than fail', async () => {
    const small = await startEngineProcess({
      ...settings,
      TOLLGATE_DATA_DIR: join(dir, 'small'),
      TOLLGATE_LANE_SLOTS: '256',
    });
    const body = eventOf('evt_small', { ...DATA, padding: 'x'.repeat(40_000) });
    mustBe(await callBack(small.api, body, { secret: NEW }), 413, 'body_too_large');
    mustBe(await callBack(small.api, eventOf('evt_small', DATA), { secret: NEW }), 200);
    // The largest that fits, of numbers that grow when they are masked.
    const numbers = eventOf('evt_cards', { ...DATA, cards: Array(1_700).fill(4242424242424242) });
    mustBe(await callBack(small.api, numbers, { secret: NEW }), 413, 'body_too_large');
    await small.stop();
  });

  it('should store a webhook without the card numbers in it', async () => {
    const body = eventOf('evt_card', { ...DATA, note: 'paid by 4242 4242 4242 4242', cvc: '123' });
    const settled = { ...settings, TOLLGATE_DATA_DIR: join(dir, 'cards') };
    const other = await startEngineProcess(settled);
    mustBe(await callBack(other.api, body, { secret: NEW }), 200);
    await other.stop();
    const store = await Store.open(join(dir, 'cards'), { memtableMb: 8 });
    const row = store.get('inbox', Buffer.from('simulator/evt_card'));
    await store.close();
    const stored = JSON.parse(webhookReceived.decode(row!).body.toString()) as {
      data: typeof DATA & { note: string; cvc: string };
    };
    assert.equal(stored.data.note, 'paid by **** **** **** 4242');
    assert.equal(stored.data.cvc, '***');
    assert.equal(stored.data.reference, 'ch_1');
  });
});
