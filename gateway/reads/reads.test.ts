import type { HttpResponse } from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkoutAccepted, paymentStatus } from '../../engine/codec/records.js';
import { BroadcastReader, BroadcastWriter } from '../../engine/ring/broadcast.js';
import { hashBytes, hashText } from '../../engine/ring/hash.js';
import { Store } from '../../engine/store/store.js';
import { Reply } from '../http/reply.js';
import { Reads } from './reads.js';
import { WaiterCount } from './waiter-count.js';

const KEY = Buffer.from('default/a');

describe('reads that are kept', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-reads-'));
  const memory = BroadcastWriter.allocate();
  const writer = new BroadcastWriter(memory);
  let store: Store;
  let reads: Reads;
  let waiting = 0;

  before(async () => {
    store = await Store.open(dir, { memtableMb: 8 });
    reads = new Reads(
      store,
      new BroadcastReader(memory),
      new WaiterCount({ waitersMax: 10, merchantWaitersMax: 20 }),
      (change) => (waiting += change),
    );
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

  interface Seen {
    status?: string;
    etag?: string;
    applied?: string;
    body?: string;
  }

  /** The version in the ETag that a client gets. */
  function read(): string | undefined {
    return ask({}).etag;
  }

  /** What the client of one request has seen so far. */
  function ask(
    fields: Partial<Record<'ifNoneMatch' | 'prefer', string>> &
      Partial<Record<'isHead' | 'hasGone', boolean>>,
  ): Seen {
    const seen: Seen = {};
    const res = {
      cork: (work: () => void) => work(),
      writeStatus: (line: string) => {
        seen.status = line.slice(0, 3);
        return res;
      },
      writeHeader: (name: string, value: string) => {
        if (name === 'ETag') seen.etag = value;
        if (name === 'Preference-Applied') seen.applied = value;
        return res;
      },
      end: (body: string) => {
        seen.body = body;
        return res;
      },
      endWithoutBody: () => res,
      onAborted: () => res,
    };
    const reply = new Reply(res as unknown as HttpResponse, '/', (_reply, _problem, error) => {
      throw error;
    });
    reply.isHead = fields.isHead ?? false;
    reply.aborted = fields.hasGone ?? false;
    const { ifNoneMatch = '', prefer = '' } = fields;
    reads.read(reply, { merchant: 'default', checkoutId: 'a', ifNoneMatch, prefer });
    return seen;
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

  it('should end a long poll with 304 where the client has what did not change', () => {
    const poll = ask({ ifNoneMatch: 'W/"v2"', prefer: 'wait=9' });
    assert.deepEqual(poll, {});
    reads.close();
    assert.deepEqual(poll, { status: '304', etag: '"v2"', applied: 'wait=9' });
  });

  it('should end a long poll with 200 where the payment changed, or no tag was sent', () => {
    const [tagged, plain] = [
      ask({ ifNoneMatch: '"v2"', prefer: 'wait=9' }),
      ask({ prefer: 'wait=9' }),
    ];
    put('status', status(3));
    writer.add(hashText('default/a'));
    writer.publish();
    reads.notice();
    for (const poll of [tagged, plain]) {
      assert.deepEqual([poll.status, poll.etag, poll.applied], ['200', '"v3"', 'wait=9']);
      assert.match(poll.body!, /"processing"/);
    }
  });

  it('should not say that it waited where too many wait already', () => {
    const polls = Array.from({ length: 11 }, () => ask({ prefer: 'wait=9' }));
    assert.deepEqual(polls.slice(0, 10), Array(10).fill({}));
    assert.deepEqual([polls[10]!.status, polls[10]!.applied], ['200', undefined]);
    reads.close();
    assert.ok(polls.every(({ status }) => status === '200'));
  });

  it('should keep no place for a client that has gone before its poll begins', () => {
    ask({ prefer: 'wait=9', hasGone: true });
    assert.equal(waiting, 0);
  });

  it('should answer HEAD like GET without the body', () => {
    assert.deepEqual(ask({ isHead: true }), { status: '200', etag: '"v3"' });
  });

  it('should not show the status of another checkout that had the id before', () => {
    const announce = (value: Buffer): void => {
      put('status', value);
      writer.add(hashText('default/a'));
      writer.publish();
    };
    announce(status(5, Buffer.alloc(32, 9)));
    assert.equal(read(), '"v0"');
    announce(status(1, Buffer.alloc(32, 1)));
    assert.equal(read(), '"v1"');
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

function status(version: number, fingerprint: Buffer | null = null): Buffer {
  return paymentStatus.encode({
    version,
    fingerprint,
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
