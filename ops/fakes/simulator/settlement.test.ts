import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BulkBooks } from './bulk.js';
import { type Charge, Ledger } from './ledger.js';
import { type Books, settlementCsv } from './settlement.js';

async function linesOf(books: Books, period: string): Promise<string[]> {
  let text = '';
  for await (const chunk of settlementCsv(books, period)) text += chunk;
  return text.trim().split('\n').slice(1);
}

describe('settlement reports of the simulator', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-settlement-'));
  after(() => rmSync(dir, { recursive: true }));

  it('should list a charge on the day of its capture, also after a restart', async () => {
    const ledger = new Ledger(dir);
    ledger.add({
      reference: 'ch_1',
      merchant: 'm',
      checkout_id: 'c',
      idempotency_key: 'k',
      status: 'authorized',
      amount: 1_000,
      currency: 'USD',
      payment_method: 'pm',
      failure_code: null,
      refunded_amount: 0,
      created_at: '2020-02-29T23:59:59.000Z',
    } satisfies Charge);
    ledger.setStatus('ch_1', 'captured');
    const today = new Date().toISOString().slice(0, 10);
    const before = await linesOf(ledger, today);
    assert.match(before[0]!, /^ch_1,m,c,charge,1000,USD,14,986,2020-02-29T23:59:59.000Z,20/);
    assert.deepEqual(await linesOf(ledger, '2020-02-29'), []);
    ledger.close();
    const again = new Ledger(dir);
    assert.deepEqual(await linesOf(again, today), before);
    again.close();
  });

  it('should write the same bulk month every time, whole, and nothing in the next', async () => {
    const month = await linesOf(new BulkBooks(1_000, '2028-02'), '2028-02');
    assert.equal(month.length, 1_000 + 20);
    assert.deepEqual(await linesOf(new BulkBooks(1_000, '2028-02'), '2028-02'), month);
    assert.deepEqual(await linesOf(new BulkBooks(1_000, '2028-02'), '2028-03'), []);
    assert.match(month[999]!, /2028-02-29T/);
  });
});
