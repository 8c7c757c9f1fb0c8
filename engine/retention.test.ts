import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LateStatuses } from './cdc/orphan-statuses.js';
import { paymentStatus } from './codec/records.js';
import type { PaymentStatusName } from './domain/payment.js';
import { Retention } from './retention.js';
import { Store } from './store/store.js';
import { ageBound, agePage, putAges } from './store/time-index.js';
import { createLogger } from './util/log.js';

it('should delete what is old and terminal, and nothing else', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-retention-'));
  const store = await Store.open(dir, { memtableMb: 8 });
  const keep = (
    name: string,
    acceptedAt: number,
    status?: PaymentStatusName,
    fingerprint: Buffer | null = null,
  ): void => {
    keepTogether([name], acceptedAt, status ? [status] : [], fingerprint);
  };
  const keepTogether = (
    names: string[],
    acceptedAt: number,
    statuses: (PaymentStatusName | undefined)[],
    fingerprint: Buffer | null = null,
  ): void => {
    const batch = store.batch();
    const keys = names.map((name) => Buffer.from(`default/${name}`));
    putAges(batch, 'checkouts', acceptedAt, keys);
    names.forEach((name, i) => {
      batch.put('checkouts', keys[i]!, Buffer.from('row'));
      const status = statuses[i];
      if (status) batch.put('status', keys[i]!, encodedStatus(name, status, fingerprint));
    });
    batch.write();
  };
  const receive = (name: string, receivedAt: number): void => {
    const key = Buffer.from(`simulator/${name}`);
    const batch = store.batch();
    batch.put('inbox', key, Buffer.from('row'));
    putAges(batch, 'inbox', receivedAt, [key]);
    batch.write();
  };
  const logger = createLogger('test', 'error');
  const times = { publishedUpTo: () => 8_000, kafkaTime: () => 20_000 };
  const retention = new Retention({ store, keepMs: 1_000, ...times, logger });
  try {
    for (let n = 0; n < 1_200; n++) keep(`old-${n}`, n % 500, 'succeeded');
    keep('old-open', 1, 'processing');
    keep('old-without-status', 2);
    keep('old-reused', 2, 'succeeded', Buffer.alloc(32, 9));
    keep('young', 9_500, 'failed');
    keepTogether(['shared-1', 'shared-2', 'shared-3'], 3, ['failed', 'processing', undefined]);
    receive('evt-old', 6_000);
    receive('evt-not-published', 8_500);
    receive('evt-young', 9_500);
    await retention.pass(10_000);
    assert.equal(retention.deleted, 1_202);
    const inbox = store.range('inbox', Buffer.alloc(0), undefined, 100);
    assert.deepEqual(inbox.filter((_, i) => i % 2 === 0).map(String), [
      'simulator/evt-not-published',
      'simulator/evt-young',
    ]);
    const left = store.range('checkouts', Buffer.alloc(0), undefined, 100);
    const names = left.filter((_, i) => i % 2 === 0).map(String);
    const open = ['old-open', 'old-reused', 'old-without-status', 'shared-2', 'shared-3', 'young'];
    assert.deepEqual(
      names,
      open.map((name) => `default/${name}`),
    );
    const ages = agePage(store, ageBound(0), undefined).rows;
    assert.deepEqual(
      ages.map((age) => [age.atMs, age.family, age.keys.map(String).join(' ')]),
      [
        [1, 'checkouts', 'default/old-open'],
        [2, 'checkouts', 'default/old-reused'],
        [2, 'checkouts', 'default/old-without-status'],
        [3, 'checkouts', 'default/shared-2 default/shared-3'],
        [8_500, 'inbox', 'simulator/evt-not-published'],
        [9_500, 'inbox', 'simulator/evt-young'],
        [9_500, 'checkouts', 'default/young'],
      ],
    );
    assert.equal(store.range('status', Buffer.alloc(0), undefined, 100).length / 2, 4);
  } finally {
    retention.stop();
    await store.close();
    rmSync(dir, { recursive: true });
  }
});

describe('a retention by clocks of which one is wrong', () => {
  const KEEP_MS = 1_000;
  const NOW = 1_000_000;
  const DAY_MS = 86_400_000;
  const cases: [name: string, clocks: Partial<Clocks>, isDeleted: boolean][] = [
    ['none, and it is old', { accepted: NOW - 2_000, ended: NOW - 2_000 }, true],
    ['none, and it is young', {}, false],
    ['this host, a day ahead', { host: NOW + DAY_MS }, false],
    ['Kafka, a day ahead', { kafka: NOW + DAY_MS }, false],
    ['Kafka is not heard', { kafka: 0, accepted: 1, ended: 1 }, false],
    ['this host, a day behind when it accepted', { accepted: 1 }, false],
    ['Postgres, a day behind when it ended', { ended: 1 }, false],
  ];
  for (const [name, changes, isDeleted] of cases) {
    it(`should ${isDeleted ? 'delete' : 'keep'} a payment: ${name}`, async () => {
      const clocks = { host: NOW, kafka: NOW, accepted: NOW - 10, ended: NOW - 5, ...changes };
      const dir = mkdtempSync(join(tmpdir(), 'tollgate-retention-'));
      const store = await Store.open(dir, { memtableMb: 8 });
      const key = Buffer.from('default/c');
      const batch = store.batch();
      putAges(batch, 'checkouts', clocks.accepted, [key]);
      batch.put('checkouts', key, Buffer.from('row'));
      batch.put('status', key, encodedStatus('c', 'succeeded', null, clocks.ended));
      batch.write();
      const times = { publishedUpTo: () => clocks.host, kafkaTime: () => clocks.kafka };
      const logger = createLogger('test', 'error');
      const retention = new Retention({ store, keepMs: KEEP_MS, ...times, logger });
      await retention.pass(clocks.host);
      retention.stop();
      assert.equal(store.get('checkouts', key) === undefined, isDeleted);
      await store.close();
      rmSync(dir, { recursive: true });
    });
  }
});

describe('statuses without a checkout', () => {
  const KEEP_MS = 1_000;
  const NOW = 1_000_000;
  const OLD = NOW - 2 * KEEP_MS;
  const UNTIL = NOW - KEEP_MS;
  const logger = createLogger('test', 'error');
  let dir: string;
  let store: Store;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tollgate-late-'));
    store = await Store.open(dir, { memtableMb: 8 });
  });
  afterEach(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  const put = (id: string, status: Buffer, hasCheckout = false): void =>
    putAll([id], status, hasCheckout);
  const putAll = (ids: readonly string[], status: Buffer, hasCheckout = false): void => {
    const batch = store.batch();
    const keys = ids.map((id) => Buffer.from(`default/${id}`));
    for (const key of keys) {
      batch.put('status', key, status);
      if (hasCheckout) batch.put('checkouts', key, Buffer.from('row'));
    }
    if (hasCheckout) putAges(batch, 'checkouts', NOW, keys);
    batch.write();
  };
  const thousand = (name: string): string[] =>
    Array.from({ length: 1_000 }, (_, n) => `${name}-${n}`);
  const left = (): string[] =>
    store
      .range('status', Buffer.alloc(0), undefined, 10_000)
      .filter((_, i) => i % 2 === 0)
      .map((key) => `${key}`.replace('default/', ''));

  it('should be deleted once they are final and older than the retention', async () => {
    put('accepted-again', encodedStatus('accepted-again', 'succeeded', null, OLD), true);
    put('damaged', Buffer.from('garbage'));
    put('old', encodedStatus('old', 'succeeded', null, OLD));
    put('old-failed', encodedStatus('old-failed', 'failed', null, OLD));
    put('open', encodedStatus('open', 'processing', null, OLD));
    put('young', encodedStatus('young', 'succeeded', null, UNTIL));
    const all = left();
    const times = { publishedUpTo: () => NOW, kafkaTime: () => 0 };
    const withoutKafka = new Retention({ store, keepMs: KEEP_MS, ...times, logger });
    await withoutKafka.pass(NOW);
    withoutKafka.stop();
    assert.deepEqual(left(), all);
    const retention = new Retention({
      store,
      keepMs: KEEP_MS,
      ...{ ...times, kafkaTime: () => NOW },
      logger,
    });
    await retention.pass(NOW);
    retention.stop();
    assert.deepEqual(left(), ['accepted-again', 'damaged', 'open', 'young']);
    assert.equal(retention.deleted, 2);
    assert.ok(store.get('checkouts', Buffer.from('default/accepted-again')));
  });

  it('should come back and be deleted again, however often they are published', async () => {
    const late = new LateStatuses(store, 256);
    for (let round = 1; round <= 3; round++) {
      putAll(thousand('late'), encodedStatus('late', 'failed', null, OLD));
      await late.pass(UNTIL, () => false);
      assert.deepEqual(left(), []);
      assert.equal(late.deleted, round * 1_000);
    }
  });

  it('should all be found over several passes, of which none keeps more than its share', async () => {
    putAll(thousand('a'), encodedStatus('a', 'succeeded', null, NOW), true);
    put('b', encodedStatus('b', 'succeeded', null, OLD));
    const late = new LateStatuses(store, 256);
    for (const deleted of [0, 0, 0, 1]) {
      await late.pass(UNTIL, () => false);
      assert.equal(late.deleted, deleted);
    }
    put('a', encodedStatus('a', 'succeeded', null, OLD));
    await late.pass(UNTIL, () => false);
    assert.equal(late.deleted, 2);
  });

  it('should not be looked for once the engine stops', async () => {
    put('old', encodedStatus('old', 'succeeded', null, OLD));
    await new LateStatuses(store).pass(UNTIL, () => true);
    assert.deepEqual(left(), ['old']);
  });
});

/** Unix milliseconds. */
interface Clocks {
  readonly host: number;
  readonly kafka: number;
  readonly accepted: number;
  readonly ended: number;
}

/** @param fingerprint of the checkout that it is the status of; null: of any with this id */
function encodedStatus(
  id: string,
  status: PaymentStatusName,
  fingerprint: Buffer | null,
  updatedAt = 1,
): Buffer {
  return paymentStatus.encode({
    version: 2,
    fingerprint,
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
    updated_at: updatedAt,
    history: [],
  });
}
