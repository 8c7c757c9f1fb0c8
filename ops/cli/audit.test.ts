import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Command } from 'commander';
import { runCli } from '../testing/client-fixture.js';
import { AUDITED, allCommands, nameOf } from './audit.js';
import { registerCerts } from './certs.js';
import { registerDlq } from './dlq.js';
import { registerKeys } from './keys.js';
import { registerMigrate } from './migrate.js';
import { registerReconcile } from './reconcile.js';
import { registerRecover } from './recover.js';
import { registerShard } from './shard.js';
import { registerWallet } from './wallet.js';

/** Groups whose commands change what others rely on, and those of them that only read. */
const GROUPS = [
  ...[registerCerts, registerDlq, registerKeys, registerMigrate, registerReconcile],
  ...[registerRecover, registerShard, registerWallet],
];
const READING = ['dlq list', 'dlq show', 'keys list', 'wallet show', 'reconcile items'];
/** Their runs are rows of `reconciliation_runs`. */
const RUNS = ['reconcile daily', 'reconcile monthly'];

describe('the audit log of the command line', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-audit-'));
  const keys = join(dir, 'keys.json');
  const log = join(dir, 'home', 'logs', 'audit.log');
  const environment = { TOLLGATE_HOME: join(dir, 'home'), SUDO_USER: 'ann' };
  const lines = (): Record<string, unknown>[] =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  after(() => rmSync(dir, { recursive: true }));

  it('should name every command that changes something', () => {
    const program = new Command('tollgate');
    for (const register of GROUPS) register(program);
    const found = allCommands(program)
      .filter((command) => command.commands.length === 0)
      .map(nameOf);
    assert.deepEqual(found.sort(), [...AUDITED, ...READING, ...RUNS].sort());
  });

  it('should say who, what, why and how it ended, of failures too, for its owner alone', async () => {
    const add = ['keys', 'add', '--file', keys, '--merchant', 'acme', '--note', 'first key'];
    const { code, output } = await runCli(add, environment);
    assert.equal(code, 0, output);
    const remove = ['keys', 'remove', '--file', keys, '--merchant', 'nobody'];
    assert.equal((await runCli(remove, environment)).code, 1);
    const [added, failed, ...more] = lines();
    assert.equal(more.length, 0);
    const { time, host, ...rest } = added!;
    assert.ok(Math.abs(Date.parse(`${time}`) - Date.now()) < 60_000 && host);
    assert.deepEqual(rest, {
      actor: 'ann',
      action: 'keys add',
      arguments: [],
      options: { file: keys, merchant: 'acme', note: 'first key' },
      exit_code: 0,
    });
    assert.deepEqual([failed!['action'], failed!['exit_code']], ['keys remove', 1]);
    assert.equal(statSync(log).mode & 0o777, 0o600);
    const key = /key +(\S+)/.exec(output)![1]!;
    assert.ok(!readFileSync(log, 'utf8').includes(key), 'the key is in the log');
  });

  it('should mask card data, and leave no line for what only reads', async () => {
    const before = lines().length;
    await runCli(['keys', 'list', '--file', keys], environment);
    const note = ['--note', 'card 4242 4242 4242 4242'];
    await runCli(['keys', 'add', '--file', keys, '--merchant', 'acme', ...note], environment);
    assert.equal(lines().length, before + 1);
    assert.doesNotMatch(readFileSync(log, 'utf8'), /4242 4242/);
  });

  it('should do nothing where no line can be written', async () => {
    const file = join(dir, 'no-folder');
    writeFileSync(file, '');
    chmodSync(file, 0o400);
    const unwritable = { ...environment, TOLLGATE_AUDIT_LOG: join(file, 'audit.log') };
    const before = readFileSync(keys, 'utf8');
    const add = ['keys', 'add', '--file', keys, '--merchant', 'other'];
    const { code, output } = await runCli(add, unwritable);
    assert.equal(code, 1);
    assert.match(output, /the audit log cannot be written: .*TOLLGATE_AUDIT_LOG/);
    assert.equal(readFileSync(keys, 'utf8'), before);
  });
});
