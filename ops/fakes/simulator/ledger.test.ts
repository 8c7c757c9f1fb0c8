import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Ledger } from './ledger.js';

/** Adds charges until the file takes no more, then one more try; prints what was added. */
const SCRIPT = `
const [dir, ledgerFile] = process.argv.slice(1);
const { Ledger } = await import(ledgerFile);
const ledger = new Ledger(dir);
let added = 0;
for (let failures = 0; failures < 2; ) {
  const reference = 'ch_' + ledger.size + '_' + failures;
  const money = { amount: 100, currency: 'USD', payment_method: 'pm_card_visa' };
  const payment = { merchant: 'default', checkout_id: reference, idempotency_key: reference };
  const rest = { status: 'captured', failure_code: null, refunded_amount: 0, created_at: '' };
  try {
    ledger.add({ reference, ...payment, ...money, ...rest });
    added++;
  } catch {
    failures++;
  }
  if (ledger.size !== added) throw new Error('a charge was applied that is not in the file');
}
console.log(added);
`;

describe('the ledger of the simulator', () => {
  it('should hold every charge that it took when its file can grow no further', () => {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-ledger-'));
    try {
      // A limit of the file's size cuts a write in the middle of a line, as a full disk does.
      const node = [process.execPath, '--input-type=module', '-e', SCRIPT];
      const file = new URL('./ledger.js', import.meta.url).href;
      const run = spawnSync('prlimit', ['--fsize=1000', ...node, dir, file], { encoding: 'utf8' });
      assert.equal(run.status, 0, run.stderr);
      const added = Number(run.stdout);
      assert.ok(added > 1, 'some were taken');
      const again = new Ledger(dir);
      assert.equal(again.size, added);
      again.setStatus('ch_0_0', 'refunded');
      again.close();
      const after = new Ledger(dir);
      assert.equal(after.find('ch_0_0')?.status, 'refunded');
      after.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
