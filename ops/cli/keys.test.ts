import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readKeysFile } from '../../engine/keys/keys-file.js';
import { packageFile } from '../../engine/util/paths.js';

describe('tollgate keys', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-keys-cli-'));
  const file = join(dir, 'keys.json');
  const tollgate = (...args: string[]) =>
    spawnSync(process.execPath, [packageFile('ops/cli/tollgate.mjs'), 'keys', ...args], {
      encoding: 'utf8',
    });
  const add = (...args: string[]): string =>
    /^key +(tg_\S+)$/m.exec(tollgate('add', '--file', file, ...args).stdout)?.[1] ?? '';
  after(() => rmSync(dir, { recursive: true }));

  it('should print a key once, and keep only its hash', () => {
    const keys = [add('--merchant', 'acme'), add('--merchant', 'acme')];
    const [entry] = readKeysFile(file);
    assert.deepEqual(
      entry?.keys,
      keys.map((key) => hash('sha256', key, 'hex')),
    );
    const { stdout } = tollgate('list', '--file', file);
    for (const key of keys) {
      assert.match(stdout, new RegExp(hash('sha256', key, 'hex').slice(0, 12)));
      assert.doesNotMatch(stdout, new RegExp(key));
    }
  });

  it('should show the providers that a merchant may use', () => {
    const list = () => tollgate('list', '--file', file).stdout;
    assert.match(list(), /^acme {2}\w{12} \w{12} {2}providers: all {2}checksum secrets: none$/m);
    add('--merchant', 'bound', '--providers', 'stripe,wallet');
    assert.match(list(), /^bound {2}\w{12} {2}providers: stripe wallet {2}checksum/m);
    assert.equal(tollgate('remove', '--file', file, '--merchant', 'bound').status, 0);
  });

  it('should end one key of a merchant and keep the others', () => {
    const [first, second] = readKeysFile(file)[0]!.keys;
    const remove = (beginning: string) =>
      tollgate('remove', '--file', file, '--merchant', 'acme', '--hash', beginning);
    assert.equal(remove(first!.slice(0, 8)).status, 0);
    assert.deepEqual(readKeysFile(file)[0]!.keys, [second]);
    assert.equal(remove(first!.slice(0, 8)).status, 1, 'it is gone already');
    assert.deepEqual(readKeysFile(file)[0]!.keys, [second]);
  });

  it('should bring in checksums in a phase of their own, and end secrets', () => {
    const secrets = (...args: string[]) =>
      tollgate('secret', ...args, '--file', file, '--merchant', 'shop');
    add('--merchant', 'shop');
    assert.match(secrets('add', '--optional').stdout, /^secret {2}tgs_\S{43}$/m);
    const entry = () => readKeysFile(file).find((item) => item.merchant === 'shop')!;
    assert.equal(entry().checksums_optional, true);
    assert.match(tollgate('list', '--file', file).stdout, /^shop .* \(optional\)$/m);
    assert.equal(secrets('require').status, 0);
    assert.equal(entry().checksums_optional, undefined);
    assert.match(secrets('add', '--optional').stderr, /must send checksums already/);
    assert.equal(secrets('add').status, 0);
    const [first, second] = entry().checksum_secrets!.map((secret) =>
      hash('sha256', secret, 'hex'),
    );
    assert.equal(secrets('remove', '--hash', first!.slice(0, 12)).status, 0);
    assert.equal(entry().checksum_secrets?.length, 1);
    const last = ['remove', '--hash', second!.slice(0, 12)];
    assert.match(secrets(...last).stderr, /the last secret of shop.*--last/);
    assert.equal(secrets(...last, '--last').status, 0);
    assert.equal(entry().checksum_secrets, undefined);
    assert.match(secrets('require').stderr, /no checksum secret/);
    assert.equal(tollgate('add', '--file', file, '--merchant', 'x', '--optional').status, 2);
    tollgate('remove', '--file', file, '--merchant', 'shop');
  });

  it('should end a merchant', () => {
    add('--merchant', 'other', '--secret');
    assert.equal(tollgate('remove', '--file', file, '--merchant', 'acme').status, 0);
    const left = readKeysFile(file);
    assert.deepEqual(
      left.map((entry) => [entry.merchant, entry.checksum_secrets?.length]),
      [['other', 1]],
    );
    assert.equal(tollgate('add', '--file', file, '--merchant', 'a/b').status, 2);
  });
});
