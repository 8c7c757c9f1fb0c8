import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { simulatorConfig } from '../../../engine/config/config.js';
import { createLogger } from '../../../engine/util/log.js';
import { freePorts } from '../../testing/engine-process.js';
import { type Simulator, startSimulator } from './index.js';

describe('the PSP simulator', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-simulator-'));
  let url: string;
  let simulator: Simulator;

  const start = async (): Promise<void> => {
    const [port] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const config = simulatorConfig({
      TOLLGATE_SIMULATOR_PORT: `${port}`,
      TOLLGATE_SIMULATOR_DIR: dir,
      TOLLGATE_WEBHOOK_URL: 'http://127.0.0.1:9/nobody',
    });
    simulator = await startSimulator(config, createLogger('test', 'error'));
  };
  before(start);
  after(async () => {
    await simulator.close();
    rmSync(dir, { recursive: true });
  });

  type Json = Record<string, never> & { charges: { status: string }[]; error: { code: string } };
  const call = async (path: string, body?: object, key?: string, method?: string) => {
    const response = await fetch(`${url}${path}`, {
      method: method ?? (body ? 'POST' : 'GET'),
      headers: {
        ...(body ? { 'Content-Type': 'application/json' } : {}),
        ...(key ? { 'Idempotency-Key': key } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const isReplay = response.headers.get('Idempotent-Replayed') === 'true';
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return {
      status: response.status,
      body: (isJson ? JSON.parse(text) : {}) as Json,
      text,
      isReplay,
    };
  };
  const charge = (id: string, method = 'pm_card_visa', key = `k-${id}`) =>
    call(
      '/v1/charges',
      { merchant: 'm', checkout_id: id, amount: 1_000, currency: 'USD', payment_method: method },
      key,
    );
  const ledgerOf = async (id: string) =>
    (await call(`/ledger?checkout_id=${id}&merchant=m`)).body.charges.map((entry) => entry.status);

  for (const [token, status, ledger] of [
    ['pm_card_visa', 200, ['captured']],
    ['pm_card_declined', 402, ['declined']],
    ['pm_card_insufficient_funds', 402, ['declined']],
    ['pm_requires_action', 200, ['authorized']],
    ['pm_webhook_only', 202, ['authorized']],
    ['pm_error_1', 500, []],
    ['pm_unknown', 402, ['declined']],
  ] as const) {
    it(`should answer ${token} with ${status}`, async () => {
      assert.equal((await charge(token, token)).status, status);
      assert.deepEqual(await ledgerOf(token), ledger);
    });
  }

  it('should take a charge once for one key, and refuse it with other parameters', async () => {
    const first = await charge('once');
    const again = await charge('once');
    assert.equal(again.text, first.text);
    assert.deepEqual([first.isReplay, again.isReplay], [false, true]);
    assert.equal(
      (await charge('other', 'pm_card_visa', 'k-once')).body.error.code,
      'idempotency_key_reuse',
    );
    assert.deepEqual(await ledgerOf('once'), ['captured']);
  });

  it('should not charge twice when one key comes twice at once, and name the reason', async () => {
    const both = await Promise.all([charge('twin', 'pm_slow_300'), charge('twin', 'pm_slow_300')]);
    assert.deepEqual(both.map((entry) => entry.status).sort(), [200, 409]);
    assert.deepEqual(await ledgerOf('twin'), ['captured']);
  });

  it('should charge and never answer pm_timeout, until it is asked again', async () => {
    const body = {
      merchant: 'm',
      checkout_id: 'late',
      amount: 5,
      currency: 'USD',
      payment_method: 'pm_timeout',
    };
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': 'k-late' };
    const options = { method: 'POST', headers, body: JSON.stringify(body) };
    await assert.rejects(
      fetch(`${url}/v1/charges`, { ...options, signal: AbortSignal.timeout(200) }),
    );
    await sleep(50);
    assert.deepEqual(await ledgerOf('late'), ['captured']);
    assert.equal((await fetch(`${url}/v1/charges`, options)).status, 200);
  });

  it('should make a new charge for a key that is older than its window', async () => {
    await charge('old');
    await call('/faults', { key_window_ms: 0 });
    await charge('old');
    await call('/faults', undefined, undefined, 'DELETE');
    assert.deepEqual(await ledgerOf('old'), ['captured', 'captured']);
  });

  it('should hide young charges from find, and fail while it is down', async () => {
    await charge('young');
    await call('/faults', { find_lag_ms: 60_000 });
    assert.equal((await call('/v1/charges/k-young')).status, 404);
    await call('/faults', { find_lag_ms: 0, down: true });
    assert.equal((await charge('down')).status, 503);
    assert.deepEqual(await ledgerOf('down'), []);
    await call('/faults', undefined, undefined, 'DELETE');
    assert.equal((await call('/v1/charges/k-young')).status, 200);
    assert.equal((await call('/faults', { no_such: 1 })).status, 400);
  });

  it('should refund up to the charge and no further', async () => {
    const { reference } = (await charge('back')).body as unknown as { reference: string };
    assert.equal((await call('/v1/refunds', { reference, amount: 400 }, 'r1')).status, 200);
    assert.equal((await call('/v1/refunds', { reference, amount: 400 }, 'r1')).isReplay, true);
    const tooMuch = await call('/v1/refunds', { reference, amount: 700 }, 'r2');
    assert.equal(tooMuch.body.error.code, 'refund_exceeds_charge');
    assert.equal((await call('/v1/refunds', { reference, amount: 600 }, 'r3')).status, 200);
    assert.deepEqual(await ledgerOf('back'), ['refunded']);
  });

  it('should cancel and capture what is authorized only, and say the same when asked again', async () => {
    const referenceOf = async (id: string, token: string): Promise<string> => {
      await charge(id, token);
      const { charges } = (await call(`/ledger?checkout_id=${id}&merchant=m`)).body;
      return (charges[0] as unknown as { reference: string }).reference;
    };
    const post = async (reference: string, verb: string) => {
      const { status, body } = await call(
        `/v1/charges/${reference}/${verb}`,
        undefined,
        'k',
        'POST',
      );
      return body.error?.code ?? status;
    };
    const gone = await referenceOf('gone', 'pm_requires_action');
    assert.deepEqual([await post(gone, 'cancel'), await post(gone, 'cancel')], [200, 200]);
    assert.equal(await post(gone, 'capture'), 'not_capturable');
    const kept = await referenceOf('kept', 'pm_requires_action');
    assert.deepEqual([await post(kept, 'capture'), await post(kept, 'capture')], [200, 200]);
    assert.equal(await post(kept, 'cancel'), 'already_captured');
    assert.equal(await post('ch_none', 'cancel'), 'not_found');
    await sleep(1_200); // beyond the time at which the payer would have acted
    assert.deepEqual(
      [await ledgerOf('gone'), await ledgerOf('kept')],
      [['canceled'], ['captured']],
    );
  });

  it('should find a charge and a refund by the longest keys', async () => {
    const key = `${'m'.repeat(64)}/${'c'.repeat(64)}/charge/1/${'x'.repeat(100)}`;
    const { reference } = (await charge('long', 'pm_card_visa', key)).body as never as {
      reference: string;
    };
    assert.equal((await call(`/v1/charges/${encodeURIComponent(key)}`)).status, 200);
    assert.equal((await call(`/v1/refunds/${encodeURIComponent(key)}`)).status, 404);
    await call('/v1/refunds', { reference, amount: 400 }, key);
    assert.equal((await call(`/v1/refunds/${encodeURIComponent(key)}`)).status, 200);
  });

  it('should still have everything after a restart, without a torn last line', async () => {
    const before = (await call('/ledger/summary')).body as unknown as Record<string, number>;
    const csv = (await call(`/settlements/${new Date().toISOString().slice(0, 7)}.csv`)).text;
    await simulator.close();
    appendFileSync(join(dir, 'ledger.jsonl'), '{"type":"charge","charge":{"refer');
    await start();
    const now = (await call('/ledger/summary')).body as unknown as Record<string, number>;
    for (const name of ['charges', 'captured', 'captured_amount', 'refunded_amount'])
      assert.equal(now[name], before[name], name);
    assert.equal(
      (await call(`/settlements/${new Date().toISOString().slice(0, 7)}.csv`)).text,
      csv,
    );
    assert.ok(csv.split('\n').length > 5);
    assert.equal((await call('/settlements/2026-13.csv')).status, 400);
    assert.equal((await charge('once')).isReplay, true);
  });
});
