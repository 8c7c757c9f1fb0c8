import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { childEnvironment } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { LocalSystem } from '../testing/system.js';

const run = promisify(execFile);

it('should run the examples of the README as they are', { timeout: 120_000 }, async () => {
  const system = await LocalSystem.start();
  try {
    const { api } = system.endpoints;
    const shell = await run('bash', [packageFile('ops/examples/pay.sh'), api, 'from-curl']);
    assert.match(shell.stdout, /"status":"pending"[\s\S]*"status":"succeeded"/);
    const node = await run(process.execPath, [
      packageFile('dist/ops/examples/pay.js'),
      api,
      'from-ts',
    ]);
    assert.equal(node.stdout, 'long poll: succeeded\npoll: succeeded\n');
    const cli = packageFile('ops/cli/tollgate.mjs');
    const paid = await run(process.execPath, [cli, 'pay', 'from-cli', '--url', api]);
    assert.match(paid.stdout, /"status": "succeeded"/);
    const got = await run(process.execPath, [cli, 'get', 'from-cli', '--url', api]);
    assert.match(got.stdout, /"payment_checkout_id": "from-cli"/);
    await assert.rejects(run(process.execPath, [cli, 'get', 'nobody', '--url', api]), { code: 1 });
    await assert.rejects(run(process.execPath, [cli, 'pay', '--count', 'x']), { code: 2 });
    const credit = ['wallet', 'credit', 'anna', '--amount', '700', '--key', 'once'];
    const here = { env: childEnvironment({ TOLLGATE_HOME: system.home }) };
    const credited = await run(process.execPath, [cli, ...credit], here);
    assert.match(credited.stdout, /credited 700 USD to anna[\s\S]*anna 700 USD/);
    const again = await run(process.execPath, [cli, ...credit], here);
    assert.match(again.stdout, /was credited before; nothing changed[\s\S]*anna 700 USD/);
  } finally {
    await system.stop();
  }
});
