import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { runCli } from '../testing/client-fixture.js';

describe('tollgate reset', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-reset-'));
  const home = join(dir, 'home');
  const FOLDERS = ['data', 'cluster', 'logs', 'reports', 'pki', 'settlements', 'mine'];

  beforeEach(() => {
    for (const name of FOLDERS) {
      mkdirSync(join(home, name, 'below'), { recursive: true });
      writeFileSync(join(home, name, 'below', 'file'), 'x'.repeat(100_000));
    }
  });
  after(() => rmSync(dir, { recursive: true }));

  it('should remove what was stored, say so, and keep certificates and all that is not ours', async () => {
    const { code, output } = await runCli(['reset'], { TOLLGATE_HOME: home });
    assert.equal(code, 0, output);
    assert.deepEqual(readdirSync(home).sort(), ['mine', 'pki', 'settlements']);
    assert.match(output, /removed .*\/home\/data \(0\.1 MB\)/);
    const again = await runCli(['reset'], { TOLLGATE_HOME: join(dir, 'nothing') });
    assert.match(again.output, /nothing to remove/);
    assert.equal(existsSync(join(dir, 'nothing')), false);
  });

  const REFUSED: readonly (readonly [object, RegExp])[] = [
    [{ TOLLGATE_PRODUCTION: 'on' }, /TOLLGATE_PRODUCTION is on/],
    [
      { TOLLGATE_KAFKA_BROKERS: 'kafka:9092', TOLLGATE_ALLOW_PLAINTEXT: 'kafka' },
      /of your own are set/,
    ],
    [{ TOLLGATE_DATABASE_URL: 'postgres://db/x?sslmode=require' }, /of your own are set/],
    [{ TOLLGATE_DATA_DIR: '/srv/volume' }, /TOLLGATE_DATA_DIR is outside/],
    [{ TOLLGATE_KAKFA_PORT: '1' }, /nearest is TOLLGATE_KAFKA_PORT/],
  ];
  for (const [env, problem] of REFUSED)
    it(`should remove nothing with ${JSON.stringify(env)}`, async () => {
      const { code, output } = await runCli(['reset'], { TOLLGATE_HOME: home, ...env });
      assert.match(output, problem);
      assert.notEqual(code, 0);
      assert.deepEqual(readdirSync(home).sort(), [...FOLDERS].sort());
    });
});
