import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { productSpec } from '../local/components.js';
import { post } from '../testing/checkout-client.js';
import { eventually, freePorts, sleep, startEngineProcess } from '../testing/engine-process.js';

const MARK_INTERVAL_MS = 100;

describe('an engine without disk or file descriptors', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-exhausted-'));
  after(() => rmSync(home, { recursive: true, force: true }));

  it('should live through 500 idle connections with 200 descriptors', async () => {
    const dataDir = join(home, 'descriptors');
    const engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: dataDir,
      TOLLGATE_CDC: 'off',
      TOLLGATE_MARK_INTERVAL_MS: `${MARK_INTERVAL_MS}`,
    });
    const sockets: Socket[] = [];
    try {
      execFileSync('prlimit', ['--pid', `${engine.child.pid}`, '--nofile=200:200']);
      assert.equal((await post(engine.api, 'before')).status, 202);
      const { port } = new URL(engine.api);
      for (let i = 0; i < 500; i++) {
        const socket = connect({ host: '127.0.0.1', port: Number(port) });
        socket.on('error', () => {});
        sockets.push(socket);
      }
      await eventually('the mark cannot be saved', 10_000, async () =>
        engine.output().includes('saving the mark fails'),
      );
      await sleep(MARK_INTERVAL_MS * 10);
      assert.equal(engine.child.exitCode ?? engine.child.signalCode, null, engine.output());
      assert.equal(engine.output().split('saving the mark fails').length, 2, 'said once');
      for (const socket of sockets) socket.destroy();
      await eventually('saving the mark succeeds again', 10_000, async () =>
        engine.output().includes('saving the mark succeeds again'),
      );
      assert.equal((await post(engine.api, 'afterwards')).status, 202);
    } finally {
      for (const socket of sockets) socket.destroy();
      await engine.stop();
    }
  });

  it('should free the place of a long poll when its client goes', async () => {
    const engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: join(home, 'polls'),
      TOLLGATE_CDC: 'off',
      TOLLGATE_WAITERS_MAX: '20',
      TOLLGATE_GATEWAY_THREADS: '1',
    });
    try {
      assert.equal((await post(engine.api, 'polled')).status, 202);
      for (let round = 0; round < 3; round++) {
        const client = new AbortController();
        const headers = { Prefer: 'wait=30' };
        const polls = Array.from({ length: 20 }, () =>
          fetch(`${engine.api}/payments/polled`, { headers, signal: client.signal }),
        );
        await eventually('all wait', 10_000, async () => {
          return (await engine.metric('gateway_waiters')) === 20;
        });
        client.abort();
        await Promise.allSettled(polls);
        await eventually('no place is kept', 5_000, async () => {
          return (await engine.metric('gateway_waiters')) === 0;
        });
      }
    } finally {
      await engine.stop();
    }
  });

  it('should count as started for its supervisor when it lives and is not ready', async () => {
    const [apiPort, adminPort] = await freePorts(2);
    const adminUrl = `http://127.0.0.1:${adminPort}`;
    const spec = productSpec({
      name: 'engine',
      home,
      command: 'engine',
      adminUrl,
      settings: {
        TOLLGATE_API_PORT: `${apiPort}`,
        TOLLGATE_ADMIN_PORT: `${adminPort}`,
        TOLLGATE_DATA_DIR: join(home, 'full'),
        TOLLGATE_CDC: 'off',
        TOLLGATE_DISK_FREE_MIN_MB: '1000000',
      },
    });
    const running = await spec.start(() => {});
    try {
      const ready = await fetch(`${adminUrl}/readyz`);
      assert.equal(ready.status, 503);
      assert.deepEqual(await ready.json(), { ready: false, reasons: ['disk'] });
      assert.equal((await post(`http://127.0.0.1:${apiPort}`, 'full')).status, 503);
      assert.equal(running.hasExited(), false, readFileSync(join(home, 'logs/engine.log'), 'utf8'));
    } finally {
      await running.stop('SIGTERM', 10_000);
    }
  });
});
