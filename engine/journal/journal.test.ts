import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkoutAccepted, paymentStatus } from '../codec/records.js';
import { BroadcastWriter } from '../ring/broadcast.js';
import { Doorbell } from '../ring/doorbell.js';
import { LaneConsumer } from '../ring/lane-consumer.js';
import { LaneMemory } from '../ring/lane-memory.js';
import { LaneProducer } from '../ring/lane-producer.js';
import { decodeOffset, META_STATUS_OFFSET, META_STATUS_TOPIC } from '../store/families.js';
import { ownStatus } from '../store/own-status.js';
import { Store } from '../store/store.js';
import { Journal } from './journal.js';
import { MessageKind, WriteResult } from './messages.js';

describe('one batch of the journal', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-journal-'));
  let store: Store;

  before(async () => {
    store = await Store.open(dir, { memtableMb: 8 });
  });
  after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  /** Publishes all messages first, then lets the writer take them as one batch. */
  function writeTogether(
    messages: { kind: number; key: string; value: Buffer; detail?: number }[],
  ) {
    const memory = LaneMemory.allocate(256);
    const bell = () => new Doorbell(Doorbell.allocate());
    const producer = new LaneProducer(memory, bell());
    const consumer = new LaneConsumer(memory, bell());
    for (const { kind, key, value, detail } of messages) {
      const bytes = Buffer.concat([Buffer.from(key), value]);
      const slot = producer.claim(bytes.length);
      producer.memory.bytes.set(bytes, producer.payloadStart(slot));
      if (detail !== undefined) producer.memory.setDetail(slot, detail);
      producer.commit(slot, kind, key.length, value.length);
    }
    producer.publish();
    const changes = new BroadcastWriter(BroadcastWriter.allocate());
    const journal = new Journal(store, changes, { onWritten() {}, onStatusChanged() {} });
    const taken = consumer.take(100, (slot) => journal.onMessage(consumer, slot));
    assert.equal(taken, messages.length);
    journal.onBatchEnd();
    consumer.answer();
    const results: [number, number][] = [];
    producer.collect((slot) =>
      results.push([producer.memory.result(slot), producer.memory.detail(slot)]),
    );
    return results;
  }

  function checkout(id: string, amount: number, acceptedAt: number): Buffer {
    return checkoutAccepted.encode({
      fingerprint: Buffer.alloc(32, amount & 0xff),
      shard: 0,
      accepted_at: acceptedAt,
      merchant: 'default',
      checkout_id: id,
      amount,
      currency: 'USD',
      payment_method: 'pm_card_visa',
      provider: 'auto',
      description: null,
      metadata: {},
    });
  }

  it('should accept an id once and answer its repeat and its conflict, all in the same batch', () => {
    const { checkout: kind } = MessageKind;
    const results = writeTogether([
      { kind, key: 'default/a', value: checkout('a', 1, 1_000) },
      { kind, key: 'default/a', value: checkout('a', 1, 2_000) },
      { kind, key: 'default/a', value: checkout('a', 2, 3_000) },
      { kind, key: 'default/b', value: checkout('b', 2, 4_000) },
    ]);
    assert.deepEqual(results, [
      [WriteResult.accepted, 0],
      [WriteResult.replayed, 1_000],
      [WriteResult.conflict, 0],
      [WriteResult.accepted, 0],
    ]);
    const stored = checkoutAccepted.decode(store.get('checkouts', Buffer.from('default/a'))!);
    assert.equal(stored.accepted_at, 1_000);
  });

  const statusOf = (version: number, fingerprint: Buffer | null): Buffer =>
    paymentStatus.encode({
      version,
      fingerprint,
      shard: 0,
      merchant: 'default',
      checkout_id: 's',
      status: 'processing',
      provider: 'simulator',
      provider_reference: null,
      failure_code: null,
      refunded_amount: 0,
      disputed_amount: 0,
      next_action: null,
      updated_at: 1,
      history: [],
    });

  it('should apply statuses forward only, and keep the offset after the last', () => {
    const message = (version: number, detail: number) => ({
      kind: MessageKind.status,
      key: 'default/s',
      value: statusOf(version, null),
      detail,
    });
    const results = writeTogether([message(2, 11), message(1, 12), message(3, 13)]);
    assert.deepEqual(
      results.map(([result]) => result),
      [WriteResult.applied, WriteResult.stale, WriteResult.applied],
    );
    assert.deepEqual(writeTogether([message(3, 14)])[0]?.[0], WriteResult.stale);
    const stored = paymentStatus.decode(store.get('status', Buffer.from('default/s'))!);
    assert.equal(stored.version, 3);
    assert.equal(decodeOffset(store.get('meta', META_STATUS_OFFSET)!), 14);
    const topic = { kind: MessageKind.statusTopic, key: 'another', value: Buffer.alloc(0) };
    writeTogether([{ ...topic, detail: 0 }]);
    assert.equal(decodeOffset(store.get('meta', META_STATUS_OFFSET)!), 0);
    assert.equal(`${store.get('meta', META_STATUS_TOPIC)}`, 'another');
    writeTogether([{ ...topic, detail: 0 }, message(4, 1)]);
    assert.equal(decodeOffset(store.get('meta', META_STATUS_OFFSET)!), 1);
  });

  it('should apply no status of another checkout that had the id before, whatever its version', () => {
    const [first, late] = [1, 2].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer];
    const kind = MessageKind.status;
    const of = (id: string, version: number, fingerprint: Buffer | null) => ({
      kind,
      key: `default/${id}`,
      value: statusOf(version, fingerprint),
    });
    const stored = (id: string): [number, Buffer | null] => {
      const { version, fingerprint } = paymentStatus.decode(
        store.get('status', Buffer.from(`default/${id}`))!,
      );
      return [version, fingerprint];
    };
    // The volume was emptied: the status of the first checkout comes before the late checkout.
    writeTogether([of('late', 5, first)]);
    const accepted = {
      kind: MessageKind.checkout,
      key: 'default/late',
      value: checkout('late', 2, 1),
    };
    writeTogether([accepted]);
    assert.equal(ownStatus(store, Buffer.from('default/late')), undefined);
    writeTogether([of('late', 6, first)]);
    assert.deepEqual(stored('late'), [5, first]);
    writeTogether([of('late', 1, late)]);
    assert.deepEqual(stored('late'), [1, late]);
    writeTogether([of('late', 7, first), of('late', 1, late)]);
    assert.deepEqual(stored('late'), [1, late]);
    // Records of 0.3 name no fingerprint and are applied by id alone.
    writeTogether([of('late', 8, null)]);
    assert.deepEqual(stored('late'), [8, null]);
  });

  it('should keep a status without a checkout, for when its client sends the checkout again', () => {
    const fingerprint = Buffer.alloc(32, 3);
    const [key, value] = ['default/lost', statusOf(7, fingerprint)];
    writeTogether([{ kind: MessageKind.status, key, value }]);
    writeTogether([{ kind: MessageKind.checkout, key, value: checkout('lost', 3, 1) }]);
    assert.deepEqual(ownStatus(store, Buffer.from(key)), value);
  });
});
