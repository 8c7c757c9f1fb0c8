import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { packageFile } from '../../engine/util/paths.js';

describe('currencies on the command line', () => {
  for (const command of [
    ['wallet', 'credit', 'anna', '--amount', '1'],
    ['pay', 'order-1'],
  ])
    for (const code of ['ZZZ', 'usd', 'XAU', 'ANG'])
      it(`should refuse ${command[0]} --currency ${code} as wrong use`, () => {
        const args = [packageFile('ops/cli/tollgate.mjs'), ...command, '--currency', code];
        const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
        assert.match(stderr, /an ISO 4217 code in capitals, such as USD/);
        assert.equal(status, 2);
      });
});
