import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { kafkaKey } from './cdc/kafka-key.js';
import type { CdcPublisher } from './cdc/publisher.js';
import { Rescan } from './cdc/rescan.js';
import { Sweeper } from './cdc/sweeper.js';
import { checkoutAccepted, paymentStatus } from './codec/records.js';
import { TOPICS } from './domain/topics.js';
import { Retention } from './retention.js';
import { pageOf, pageStart } from './shards/rows.js';
import { Store } from './store/store.js';
import { putAges } from './store/time-index.js';
import { createLogger } from './util/log.js';

const KEEP_MS = 1_000;
const logger = createLogger('test', 'silent');

describe('rows that cannot be decoded', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-damaged-'));
  let store: Store;
  let published: string[] = [];
  const publisher = {
    caughtUpAt: Date.now(),
    republish: async (_family: string, key: Buffer) => void published.push(key.toString()),
  } as unknown as CdcPublisher;

  before(async () => {
    store = await Store.open(dir, { memtableMb: 8 });
    put('m/1-checkout', Buffer.from('garbage'), undefined);
    put('m/2-status', checkout('2-status'), Buffer.from('garbage'));
    put('m/3-cut', checkout('3-cut').subarray(0, 60), status('3-cut').subarray(0, 14));
    put('m/4-good', checkout('4-good'), undefined);
    put('m/5-done', checkout('5-done'), status('5-done'));
  });
  after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  function put(key: string, checkoutBytes: Buffer, statusBytes: Buffer | undefined): void {
    const batch = store.batch();
    batch.put('checkouts', Buffer.from(key), checkoutBytes);
    if (statusBytes) batch.put('status', Buffer.from(key), statusBytes);
    putAges(batch, 'checkouts', 1_000, [Buffer.from(key)]);
    batch.write();
  }

  it('should not stop the sweeper, which publishes only what a processor can read', async () => {
    published = [];
    const sweeper = new Sweeper({
      afterMs: 20,
      store,
      publisher,
      progress: async () => ({ ends: new Map(), committed: new Map() }),
      statusesAreRead: () => true,
      logger,
    });
    await until(() => sweeper.swept > 0);
    sweeper.stop();
    assert.deepEqual([...new Set(published)], ['m/4-good']);
  });

  it('should not stop a rescan', async () => {
    published = [];
    const rescan = new Rescan({ file: join(dir, 'rescan.json'), store, publisher, logger });
    rescan.start('test');
    await until(() => !rescan.isRunning);
    assert.deepEqual(published, ['m/1-checkout', 'm/2-status', 'm/3-cut', 'm/4-good']);
  });

  it('should move to another shard as they are', () => {
    const page = pageOf(store, pageStart(0), () => true);
    assert.equal(page.rows.length, 5);
    const row = page.rows.find((moved) => moved.key === 'm/1-checkout');
    assert.equal(Buffer.from(row!.checkout, 'base64').toString(), 'garbage');
  });

  it('should be kept by the retention, which deletes the finished payments around them', async () => {
    const now = (): number => Date.now();
    const times = { publishedUpTo: now, kafkaTime: now };
    const retention = new Retention({ store, keepMs: KEEP_MS, ...times, logger });
    await retention.pass(Date.now());
    retention.stop();
    assert.equal(store.get('checkouts', Buffer.from('m/5-done')), undefined);
    for (const key of ['m/1-checkout', 'm/2-status', 'm/3-cut', 'm/4-good'])
      assert.ok(store.get('checkouts', Buffer.from(key)), key);
  });

  it('should have a key in Kafka, whatever their bytes are', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
    fc.assert(
      fc.property(bytes, (value) => {
        for (const topic of [TOPICS.webhooks, TOPICS.accepted])
          assert.ok(kafkaKey(topic, Buffer.from('k'), value).length <= 2 * value.length + 1);
      }),
      { numRuns: 2_000 },
    );
  });
});

function checkout(id: string): Buffer {
  return checkoutAccepted.encode({
    fingerprint: Buffer.alloc(32, 1),
    shard: 0,
    accepted_at: 1_000,
    merchant: 'm',
    checkout_id: id,
    amount: 5,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    provider: 'auto',
    description: null,
    metadata: {},
  });
}

function status(id: string): Buffer {
  return paymentStatus.encode({
    version: 2,
    fingerprint: null,
    shard: 0,
    merchant: 'm',
    checkout_id: id,
    status: 'succeeded',
    provider: 'simulator',
    provider_reference: 'ch_1',
    failure_code: null,
    refunded_amount: 0,
    disputed_amount: 0,
    next_action: null,
    updated_at: 1_000,
    history: [],
  });
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error('not within 5 s');
    await new Promise((done) => setTimeout(done, 10));
  }
}
