import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readKeysFile, writeKeysFile } from '../../engine/keys/keys-file.js';
import { ApiClient, type ApiOptions } from '../client/api-client.js';
import { addKey } from '../keys/new-key.js';
import { get, post, VISA } from '../testing/checkout-client.js';
import { type EngineProcess, eventually, startEngineProcess } from '../testing/engine-process.js';

describe('an engine with API keys', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-keys-'));
  const file = join(dir, 'keys.json');
  const acme = addKey(file, 'acme', false);
  const other = addKey(file, 'other', false);
  const signed = addKey(file, 'signed', true);
  let engine: EngineProcess;
  const as = (options: Partial<ApiOptions>): ApiClient =>
    new ApiClient({ url: engine.api, ...options });

  before(async () => {
    engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: join(dir, 'data'),
      TOLLGATE_CDC: 'off',
      TOLLGATE_KEYS_FILE: file,
      TOLLGATE_GATEWAY_THREADS: '2',
      TOLLGATE_HOST: '0.0.0.0',
      TOLLGATE_ALLOW_PLAINTEXT: '0.0.0.0',
    });
  });
  after(async () => {
    assert.equal(await engine.stop(), 0);
    rmSync(dir, { recursive: true });
  });

  it('should refuse who has no key or a wrong one, and say which scheme it takes', async () => {
    for (const answer of [await post(engine.api, 'k-1'), await get(engine.api, 'k-1')]) {
      assert.equal(answer.status, 401);
      assert.equal(JSON.parse(answer.body).code, 'key_missing');
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="tollgate"');
    }
    const wrong = { Authorization: 'Bearer tg_wrong', 'X-Real-IP': '203.0.113.7' };
    const answer = await get(engine.api, 'k-1', wrong);
    assert.equal(JSON.parse(answer.body).code, 'key_invalid');
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    await get(engine.api, '4242424242424242', { ...wrong, 'X-Real-IP': '4242424242424242' });
    await sleep(1_100);
    await Promise.all(Array.from({ length: 20 }, () => get(engine.api, 'k-1', wrong)));
    const metrics = await (await fetch(`${engine.admin}/metrics`)).text();
    assert.match(metrics, /^gateway_key_invalid_total 22$/m);
    assert.match(metrics, /^gateway_key_missing_total 2$/m);
    const lines = engine.output().match(/.*"code":"key_invalid".*/g) ?? [];
    assert.ok(lines.length >= 2 && lines.length <= 6, lines.join('\n'));
    assert.match(lines[0]!, /"level":40.*"id":"k-1".*"times":1.*"address":"203.0.113.7"/);
    assert.doesNotMatch(engine.output(), /tg_wrong|4242424242424242/);
  });

  it('should keep the same ids of two merchants apart', async () => {
    const mine = await as(acme).post('same', VISA);
    const theirs = await as(other).post('same', { ...VISA, amount: 5 });
    assert.deepEqual([mine.status, theirs.status], [202, 202]);
    assert.equal(JSON.parse((await as(acme).get('same')).body).amount, VISA.amount);
    assert.equal(JSON.parse((await as(other).get('same')).body).amount, 5);
    assert.equal((await as(acme).post('same', { ...VISA, amount: 5 })).status, 422);
    assert.equal((await as(acme).post('only-acme', VISA)).status, 202);
    assert.equal((await as(other).get('only-acme')).status, 404);
  });

  it('should ask a merchant with a secret for a checksum, on GET too', async () => {
    const { key, checksumSecret = '' } = signed;
    assert.equal((await as(signed).post('s-1', VISA)).status, 202);
    assert.equal((await as(signed).get('s-1')).status, 200);
    for (const answer of [await as({ key }).post('s-1', VISA), await as({ key }).get('s-1')])
      assert.equal(JSON.parse(answer.body).code, 'checksum_required');
    const wrong = { key, checksumSecret: `${checksumSecret}x` };
    for (const answer of [await as(wrong).post('s-1', VISA), await as(wrong).get('s-1')])
      assert.equal(JSON.parse(answer.body).code, 'checksum_invalid');
  });

  it('should take new keys and drop old ones while it runs, on every thread', async () => {
    const next = addKey(file, 'acme', false);
    const statusOf = async (key: string): Promise<number[]> => {
      // Connections spread over the threads: many of them meet both.
      const answers = Array.from({ length: 24 }, () => as({ key }).get('same'));
      return (await Promise.all(answers)).map((answer) => answer.status);
    };
    const all = async (key: string, status: number): Promise<boolean> =>
      (await statusOf(key)).every((value) => value === status);
    await eventually('the new key holds', 5_000, () => all(next.key, 200));
    assert.ok(await all(acme.key, 200), 'both keys hold');
    const left = readKeysFile(file).map((entry) =>
      entry.merchant === 'acme' ? { ...entry, keys: entry.keys.slice(1) } : entry,
    );
    writeKeysFile(file, left);
    await eventually('the old key has ended', 5_000, () => all(acme.key, 401));
    assert.ok(await all(next.key, 200), 'the new key holds');
  });

  it('should keep its keys when the file is broken, and count that', async () => {
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, '{"merchants":[{"merchant":"a/b","keys":[]}]}');
    await eventually(
      'it is refused',
      5_000,
      async () => (await engine.metric('keys_refused_total')) > 0,
    );
    assert.equal((await as(other).get('same')).status, 200);
    writeFileSync(file, good);
  });

  it('should write the file for its owner alone, with hashes and not keys', () => {
    const text = readFileSync(file, 'utf8');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    for (const { key } of [acme, other, signed]) assert.ok(!text.includes(key));
    assert.ok(!engine.output().includes(signed.checksumSecret!));
  });

  it('should stay the file of its owner when root changes it', (test) => {
    if (process.getuid!() !== 0) return test.skip('takes root');
    const owned = join(dir, 'owned.json');
    writeKeysFile(owned, readKeysFile(file));
    chownSync(owned, 65_534, 65_534);
    addKey(owned, 'acme', false);
    const { uid, gid, mode } = statSync(owned);
    assert.deepEqual([uid, gid, mode & 0o777], [65_534, 65_534, 0o600]);
  });

  it('should not start with a keys file that others can read', async () => {
    const open = join(dir, 'open.json');
    writeKeysFile(open, readKeysFile(file));
    for (const mode of [0o604, 0o640]) {
      chmodSync(open, mode);
      await assert.rejects(
        startEngineProcess({
          TOLLGATE_DATA_DIR: join(dir, 'data-2'),
          TOLLGATE_CDC: 'off',
          TOLLGATE_KEYS_FILE: open,
        }),
        /can be read by others/,
      );
    }
  });

  it('should not listen beyond loopback, nor behind a proxy, without keys', async () => {
    const dataDir = { TOLLGATE_DATA_DIR: join(dir, 'data-3') };
    const beyond = startEngineProcess({ ...dataDir, TOLLGATE_HOST: '0.0.0.0' });
    await assert.rejects(beyond, /TOLLGATE_HOST: without API keys/);
    const behind = startEngineProcess({ ...dataDir, TOLLGATE_SOCKET: join(dir, 'api.sock') });
    await assert.rejects(behind, /TOLLGATE_SOCKET: .* needs API keys/);
  });
});
