import type { HttpResponse } from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkoutAccepted, paymentStatus } from '../engine/codec/records.js';
import { BroadcastReader, BroadcastWriter } from '../engine/ring/broadcast.js';
import { hashBytes, hashText } from '../engine/ring/hash.js';
import { Store } from '../engine/store/store.js';
import { Reads } from './reads.js';
import { Reply } from './reply.js';

const KEY = Buffer.from('default/a');

describe('reads that are kept', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-reads-'));
  const memory = BroadcastWriter.allocate();
  const writer = new BroadcastWriter(memory);
  let store: Store;
  let reads: Reads;

  before(async () => {
    store = await Store.open(dir, { memtableMb: 8 });
    reads = new Reads(store, new BroadcastReader(memory), 10);
    put('checkouts', checkout());
  });
  after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  function put(family: 'checkouts' | 'status', value: Buffer): void {
    const batch = store.batch();
    batch.put(family, KEY, value);
    batch.write();
  }

  /** The version in the ETag that a client gets. */
  function read(): string | undefined {
    let etag: string | undefined;
    const res = {
      cork: (work: () => void) => work(),
      writeStatus: () => res,
      writeHeader: (name: string, value: string) => {
        if (name === 'ETag') etag = value;
        return res;
      },
      end: () => res,
      onAborted: () => res,
    };
    const reply = new Reply(res as unknown as HttpResponse, '/', (_reply, _problem, error) => {
      throw error;
    });
    reads.read(reply, { merchant: 'default', checkoutId: 'a', ifNoneMatch: '', prefer: '' });
    return etag;
  }

  it('should show a new status from the moment its write may be seen', () => {
    assert.equal(read(), '"v0"');
    writer.begin();
    put('status', status(1));
    // Another thread may have answered version 1 by now: what is kept must not be used.
    assert.equal(read(), '"v1"');
    writer.add(hashBytes(KEY, 0, KEY.length));
    writer.end();
    assert.equal(read(), '"v1"');
  });

  it('should answer from what is kept while nothing is announced', () => {
    assert.equal(read(), '"v1"');
    put('status', status(2)); // against the rule, to see that the store is not asked
    assert.equal(read(), '"v1"');
    writer.add(hashText('default/a'));
    writer.publish();
    assert.equal(read(), '"v2"');
  });
});

function checkout(): Buffer {
  return checkoutAccepted.encode({
    fingerprint: Buffer.alloc(32, 1),
    shard: 0,
    accepted_at: 1,
    merchant: 'default',
    checkout_id: 'a',
    amount: 1,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    provider: 'auto',
    description: null,
    metadata: {},
  });
}

function status(version: number): Buffer {
  return paymentStatus.encode({
    version,
    shard: 0,
    merchant: 'default',
    checkout_id: 'a',
    status: 'processing',
    provider: 'simulator',
    provider_reference: null,
    failure_code: null,
    refunded_amount: 0,
    disputed_amount: 0,
    next_action: null,
    updated_at: version,
    history: [],
  });
}
