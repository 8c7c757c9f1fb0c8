import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkoutAccepted } from '../../engine/codec/records.js';
import { Store } from '../../engine/store/store.js';
import { claimVolume } from '../../engine/volume/volume.js';
import { type Answer, get, post, VISA } from '../testing/checkout-client.js';
import { type EngineProcess, startEngineProcess } from '../testing/engine-process.js';

describe('an engine with stored rows that cannot be decoded', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-damaged-'));
  let engine: EngineProcess;

  before(async () => {
    const store = await Store.open(dir, { memtableMb: 8 });
    claimVolume(store, 0);
    const batch = store.batch();
    batch.put('checkouts', Buffer.from('default/garbage'), Buffer.from('garbage'));
    batch.put('checkouts', Buffer.from('default/length'), withNegativeLength());
    batch.put('checkouts', Buffer.from('default/status'), checkout('status'));
    batch.put('status', Buffer.from('default/status'), Buffer.from('garbage'));
    batch.put('checkouts', Buffer.from('default/long-key'), checkout('long-key'));
    batch.write();
    await store.close();
    engine = await startEngineProcess({ TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off' });
  });
  after(async () => {
    assert.equal(await engine.stop(), 0);
    rmSync(dir, { recursive: true });
  });

  const expectDamaged = (answer: Answer): void => {
    assert.equal(answer.status, 500, answer.body);
    assert.equal(JSON.parse(answer.body).code, 'record_damaged');
  };

  it('should answer record_damaged to GET, and go on', async () => {
    for (const id of ['garbage', 'length', 'status']) {
      expectDamaged(await get(engine.api, id));
      expectDamaged(await get(engine.api, id, { Prefer: 'wait=1' }));
    }
    assert.equal((await post(engine.api, 'next-1')).status, 202);
    assert.equal(await engine.metric('gateway_damaged_records_total'), 6);
    assert.match(engine.output(), /"id":"garbage","code":"record_damaged","stack":"EngineError/);
  });

  it('should answer record_damaged to POST, never 202', async () => {
    for (const id of ['garbage', 'length']) expectDamaged(await post(engine.api, id));
    assert.equal((await post(engine.api, 'next-2')).status, 202);
  });

  it('should read what an earlier release took though it is refused today', async () => {
    assert.equal((await get(engine.api, 'long-key')).status, 200);
    const again = await post(engine.api, 'long-key', {
      ...VISA,
      metadata: { ['k'.repeat(41)]: '' },
    });
    assert.equal(again.status, 400);
  });
});

function checkout(id: string): Buffer {
  return checkoutAccepted.encode({
    fingerprint: Buffer.alloc(32, 1),
    shard: 0,
    accepted_at: 1_000,
    merchant: 'default',
    checkout_id: id,
    amount: 5,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    provider: 'auto',
    description: null,
    metadata: { ['k'.repeat(41)]: '' },
  });
}

/** As 0.3.0 stored `"metadata": {"a\nb": {"length": -1}}`: a string of -1 bytes. */
function withNegativeLength(): Buffer {
  const bytes = checkout('length');
  bytes[bytes.length - 2] = 1;
  return bytes;
}
