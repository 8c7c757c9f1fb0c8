import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Store } from './store.js';
import { type AgeRow, ageBound, agePage, putAges } from './time-index.js';

describe('the age family', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-age-'));
  let store: Store;

  before(async () => {
    store = await Store.open(dir, { memtableMb: 8 });
    const batch = store.batch();
    putAges(batch, 'checkouts', 2_000, keys('late', 200));
    putAges(batch, 'inbox', 1_500, keys('event', 2));
    putAges(batch, 'checkouts', 1_000, keys('early', 1));
    putAges(batch, 'checkouts', 500, []);
    // A row of a release that wrote one a payment.
    batch.put('age', Buffer.concat([ageBound(100), Buffer.from('m/old')]), Buffer.alloc(0));
    batch.write();
  });
  after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  it('should name every key once, by time and family', () => {
    const { rows, next } = agePage(store, ageBound(0), undefined);
    assert.equal(next, undefined);
    assert.deepEqual(summaryOf(rows), [
      [100, 'checkouts', 1],
      [1_000, 'checkouts', 1],
      [1_500, 'inbox', 2],
      [2_000, 'checkouts', 64],
      [2_000, 'checkouts', 64],
      [2_000, 'checkouts', 8],
      [2_000, 'checkouts', 64],
    ]);
    const late = rows.filter((row) => row.atMs === 2_000).flatMap((row) => row.keys.map(String));
    assert.deepEqual(late.sort(), keys('late', 200).map(String).sort());
    assert.deepEqual(rows[2]?.keys.map(String), ['m/event-0', 'm/event-1']);
  });

  it('should begin at a time and end before another', () => {
    const { rows } = agePage(store, ageBound(1_000), ageBound(2_000));
    assert.deepEqual(
      rows.map((row) => row.atMs),
      [1_000, 1_500],
    );
  });

  it('should go on behind the last row of a page', () => {
    const batch = store.batch();
    for (let n = 0; n < 100; n++) putAges(batch, 'checkouts', 3_000 + n, keys(`page-${n}`, 1));
    batch.write();
    const times: number[] = [];
    let from: Buffer | undefined = ageBound(3_000);
    for (let pages = 0; from !== undefined && pages < 10; pages++) {
      const page = agePage(store, from, undefined);
      times.push(...page.rows.map((row) => row.atMs));
      from = page.next;
    }
    assert.deepEqual(
      times,
      Array.from({ length: 100 }, (_, n) => 3_000 + n),
    );
  });
});

function keys(name: string, count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => Buffer.from(`m/${name}-${n}`));
}

function summaryOf(rows: readonly AgeRow[]): [number, string, number][] {
  return rows.map((row) => [row.atMs, row.family, row.keys.length]);
}
