import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { paymentStatus } from './codec/records.js';
import { createLogger } from './core/log.js';
import type { PaymentStatusName } from './core/payment.js';
import { Retention } from './retention.js';
import { ageKey, inboxAgeKey } from './store/families.js';
import { Store } from './store/store.js';

it('should delete what is old and terminal, and nothing else', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-retention-'));
  const store = await Store.open(dir, { memtableMb: 8 });
  const keep = (name: string, acceptedAt: number, status?: PaymentStatusName): void => {
    const key = Buffer.from(`default/${name}`);
    const batch = store.batch();
    batch.put('checkouts', key, Buffer.from('row'));
    batch.put('age', ageKey(acceptedAt, key), Buffer.alloc(0));
    if (status) batch.put('status', key, encodedStatus(name, status));
    batch.write();
  };
  const receive = (name: string, receivedAt: number): void => {
    const key = Buffer.from(`simulator/${name}`);
    const batch = store.batch();
    batch.put('inbox', key, Buffer.from('row'));
    batch.put('age', inboxAgeKey(receivedAt, key), Buffer.alloc(0));
    batch.write();
  };
  const logger = createLogger('test', 'error');
  const retention = new Retention(store, 1_000, () => 8_000, logger);
  try {
    for (let n = 0; n < 1_200; n++) keep(`old-${n}`, n % 500, 'succeeded');
    keep('old-open', 1, 'processing');
    keep('old-without-status', 2);
    keep('young', 9_500, 'failed');
    receive('evt-old', 6_000);
    receive('evt-not-published', 8_500);
    receive('evt-young', 9_500);
    await retention.pass(10_000);
    assert.equal(retention.deleted, 1_201);
    const inbox = store.range('inbox', Buffer.alloc(0), undefined, 100);
    assert.deepEqual(inbox.filter((_, i) => i % 2 === 0).map(String), [
      'simulator/evt-not-published',
      'simulator/evt-young',
    ]);
    const left = store.range('checkouts', Buffer.alloc(0), undefined, 100);
    const names = left.filter((_, i) => i % 2 === 0).map(String);
    assert.deepEqual(names, ['default/old-open', 'default/old-without-status', 'default/young']);
    assert.equal(store.range('age', Buffer.alloc(0), undefined, 100).length / 2, 5);
    assert.equal(store.range('status', Buffer.alloc(0), undefined, 100).length / 2, 2);
  } finally {
    retention.stop();
    await store.close();
    rmSync(dir, { recursive: true });
  }
});

function encodedStatus(id: string, status: PaymentStatusName): Buffer {
  return paymentStatus.encode({
    version: 2,
    shard: 0,
    merchant: 'default',
    checkout_id: id,
    status,
    provider: 'simulator',
    provider_reference: null,
    failure_code: null,
    refunded_amount: 0,
    disputed_amount: 0,
    next_action: null,
    updated_at: 1,
    history: [],
  });
}
