import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageFile } from '../../../engine/util/paths.js';

describe("the rotation of nginx' logs", () => {
  it('should bound them, keep them closed, and have nginx open the new file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-logs-'));
    const log = join(dir, 'edge.access.log');
    // Stands for nginx: it says when it was told to open its logs again.
    const reopen = `trap 'echo >>${dir}/reopened' USR1; echo; while :; do sleep 0.02; done`;
    const nginx = spawn('bash', ['-c', reopen]);
    try {
      await once(nginx.stdout, 'data');
      writeFileSync(join(dir, 'edge.pid'), `${nginx.pid}\n`);
      const text = readFileSync(packageFile('ops/deploy/systemd/logrotate.conf'), 'utf8')
        .replace('size 256M', 'size 1k')
        .replace('rotate 32', 'rotate 2')
        .replaceAll('/var/log/tollgate', dir)
        .replaceAll('/var/lib/tollgate-nginx', dir);
      writeFileSync(join(dir, 'conf'), text, { mode: 0o600 });
      const rotate = () =>
        execFileSync('/usr/sbin/logrotate', ['--state', join(dir, 'state'), join(dir, 'conf')]);
      const files = () => readdirSync(dir).filter((name) => name.startsWith('edge.access.log'));
      writeFileSync(log, 'small\n', { mode: 0o600 });
      rotate();
      assert.deepEqual(files(), ['edge.access.log']);
      for (let i = 0; i < 4; i++) {
        writeFileSync(log, 'x'.repeat(2_000), { mode: 0o600 });
        rotate();
        // The date in a name has seconds.
        await new Promise((resolve) => setTimeout(resolve, 1_050));
      }
      assert.equal(files().length, 3, `${files()}`);
      assert.equal(statSync(log).size, 0);
      for (const file of files()) assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file);
      assert.ok(files().some((file) => file.endsWith('.gz')));
      assert.ok(readdirSync(dir).includes('reopened'));
    } finally {
      nginx.kill('SIGKILL');
      rmSync(dir, { recursive: true });
    }
  });
});
