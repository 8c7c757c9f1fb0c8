import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageFile } from '../../engine/util/paths.js';
import { welcome } from '../cli/up.js';
import { addKey, type NewCredentials } from '../keys/new-key.js';
import type { Endpoints } from '../local/endpoints.js';
import { run } from '../testing/client-fixture.js';
import { startEngineProcess } from '../testing/engine-process.js';

describe('commands that are printed, at an engine with a keys file', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-printed-'));
  const file = join(dir, 'keys.json');
  const signed = addKey(file, 'signed', true);
  const acme = addKey(file, 'acme', false);
  let engine: Awaited<ReturnType<typeof startEngineProcess>>;

  before(async () => {
    engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: join(dir, 'data'),
      TOLLGATE_CDC: 'off',
      TOLLGATE_KEYS_FILE: file,
    });
  });
  after(async () => {
    await engine.stop();
    rmSync(dir, { recursive: true });
  });

  const shell = (text: string, { key, checksumSecret }: NewCredentials) =>
    run('bash', ['-c', text], {
      TOLLGATE_KEY: key,
      TOLLGATE_CHECKSUM_SECRET: checksumSecret ?? '',
    });

  it("should pay by the README's checksum, made with openssl", async () => {
    const readme = readFileSync(packageFile('README.md'), 'utf8');
    const block = readme.split('```').find((part) => part.includes('openssl dgst'))!;
    const text = block.replace(/^sh\n/, '').replaceAll('http://127.0.0.1:8080', engine.api);
    const { output } = await shell(text, signed);
    assert.match(output, /HTTP\/1.1 202/);
    assert.match(output, /"payment_checkout_id":"order-2"/);
  });

  it('should pay by the curl that `make run` prints', async () => {
    const endpoints = { api: engine.api } as Endpoints;
    const commands = (text: string): string =>
      text.slice(text.indexOf('  curl'), text.indexOf('Ctrl-C'));
    const { output } = await shell(
      commands(welcome(endpoints, file)).replace('wait=10', 'wait=1'),
      acme,
    );
    assert.deepEqual(output.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 202', 'HTTP/1.1 200']);
    assert.match(
      welcome(endpoints, file),
      new RegExp(`tollgate keys add --merchant acme --file ${file}`),
    );
    assert.doesNotMatch(welcome(endpoints, ''), /Authorization/);
  });
});
