import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { identityOf } from '../../engine/host/processes.js';
import { claimHome, supervisorOf } from './orphans.js';

const home = mkdtempSync(join(tmpdir(), 'tollgate-home-'));
const children: ChildProcess[] = [];

async function child(...args: string[]): Promise<ChildProcess> {
  const started = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', ...args]);
  children.push(started);
  await once(started, 'spawn');
  return started;
}

function record(...rows: readonly object[]): void {
  writeFileSync(join(home, 'processes.json'), JSON.stringify(rows));
}

describe('the lock of a home', { timeout: 60_000 }, () => {
  after(() => {
    for (const entry of children) entry.kill('SIGKILL');
    rmSync(home, { recursive: true });
  });

  it('should be held once, name its holder, and be free afterwards', async () => {
    const claim = await claimHome(home);
    assert.equal(supervisorOf(home), process.pid);
    await assert.rejects(claimHome(home), new RegExp(`in use by process ${process.pid} \\(`));
    claim.release();
    (await claimHome(home)).release();
    assert.equal(supervisorOf(home), undefined);
  });

  it('should not heed a pid file whose pid belongs to another process', async () => {
    writeFileSync(join(home, 'up.pid'), `${(await child('tollgate')).pid}\n`);
    (await claimHome(home)).release();
  });

  it('should end what was recorded, and no other process, whatever its command line', async () => {
    const ours = await child();
    const reused = await child();
    const rebooted = await child();
    const named = await child(`/var${join(home, 'data/kafka/')}`, join(home, 'data/kafka/'));
    const identity = identityOf(ours.pid!)!;
    const later = identityOf(reused.pid!)!;
    record(
      identity,
      { ...later, startTicks: later.startTicks - 1 },
      { ...identityOf(rebooted.pid!)!, bootId: 'another' },
    );
    const ended = once(ours, 'exit');
    const claim = await claimHome(home);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    claim.release();
    for (const entry of [reused, rebooted, named])
      assert.ok(identityOf(entry.pid!), entry.spawnargs.join(' '));
  });

  it('should start with a record that is torn', async () => {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'processes.json'), '[{"pid": 1');
    (await claimHome(home)).release();
  });
});
