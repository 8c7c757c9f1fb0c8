import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { childEnvironment, stackConfig } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import type { ComponentName, Endpoints } from '../local/endpoints.js';
import { imbalance } from '../testing/books.js';
import { get, post } from '../testing/checkout-client.js';
import { freePorts } from '../testing/engine-process.js';
import { until } from '../testing/system.js';

describe('tollgate up', { timeout: 240_000 }, async () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-up-'));
  chmodSync(home, 0o755);
  const ports = await freePorts(7);
  const names = [
    'API',
    'ADMIN',
    'PROCESSOR_ADMIN',
    'SIMULATOR',
    'KAFKA',
    'KAFKA_CONTROLLER',
    'POSTGRES',
  ];
  const settings = {
    TOLLGATE_HOME: home,
    TOLLGATE_CACHE: stackConfig().cacheDir,
    TOLLGATE_PARTITIONS: '4',
    TOLLGATE_DISK_FREE_MIN_MB: '64',
    ...Object.fromEntries(names.map((name, i) => [`TOLLGATE_${name}_PORT`, `${ports[i]}`])),
  };
  let up: ChildProcess;
  let output = '';
  const run = (): ChildProcess => {
    output = '';
    const child = spawn(process.execPath, [packageFile('ops/cli/tollgate.mjs'), 'up'], {
      env: childEnvironment(settings),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (entry) => (output += entry));
    return child;
  };
  const start = async (): Promise<number> => {
    const since = Date.now();
    up = run();
    await until('it is up', 60_000, async () => output.includes('Try it:'));
    return Date.now() - since;
  };
  const endpoints = (): Endpoints =>
    JSON.parse(readFileSync(join(home, 'endpoints.json'), 'utf8')) as Endpoints;
  /** Processes whose environment or command line belongs to this home. */
  const ours = (): number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== up.pid)
      .map(Number)
      .filter((pid) =>
        ['cmdline', 'environ'].some((file) => read(`/proc/${pid}/${file}`).includes(home)),
      );
  const stop = async (): Promise<[number | null, number]> => {
    const since = Date.now();
    const exited = once(up, 'exit');
    up.kill('SIGINT');
    const [code] = (await exited) as [number | null];
    return [code, Date.now() - since];
  };

  after(() => {
    up?.kill('SIGTERM');
    rmSync(home, { recursive: true, force: true });
  });

  it('should start everything, keep what dies running, and let nothing behind when it stops', async () => {
    await start();
    const before = endpoints();
    assert.deepEqual(Object.keys(before.pids).sort(), [
      'engine',
      'kafka',
      'postgres',
      'processor',
      'simulator',
    ]);
    assert.equal(statSync(home).mode & 0o777, 0o711);
    for (const text of ['.', 'data'].flatMap((folder) =>
      readdirSync(join(home, folder)).map((name) => join(folder, name)),
    )) {
      // The folder above the data of Postgres may be passed where that is a user of its own.
      const open = text === 'data' ? 0o066 : 0o077;
      assert.equal(statSync(join(home, text)).mode & open, 0, text);
    }
    for (const name of Object.keys(before.pids) as ComponentName[]) {
      process.kill(before.pids[name]!, 'SIGKILL');
      await until(`${name} runs again`, 30_000, async () => {
        return (
          existsSync(join(home, 'endpoints.json')) && endpoints().pids[name] !== before.pids[name]
        );
      });
    }
    await until('all is ready again', 30_000, async () => {
      return (await fetch(`${before.processorAdmin}/readyz`).catch(() => undefined))?.ok === true;
    });
    assert.equal((await post(before.api, 'kept')).status, 202);
    await until('it is paid', 60_000, async () =>
      (await get(before.api, 'kept')).body.includes('"succeeded"'),
    );
    assert.deepEqual(await imbalance(before.postgres), []);
    const [code, ms] = await stop();
    assert.equal(code, 0);
    assert.ok(ms < 15_000, `${ms} ms to stop`);
    assert.deepEqual(ours(), []);
    assert.equal(existsSync(join(home, 'endpoints.json')), false);
  });

  it('should start again with its data, in less than 15 s, also after its own kill -9', async () => {
    assert.ok((await start()) < 15_000);
    assert.match((await get(endpoints().api, 'kept')).body, /"succeeded"/);
    up.kill('SIGKILL');
    await once(up, 'exit');
    assert.ok((await start()) < 20_000);
    assert.match((await get(endpoints().api, 'kept')).body, /"succeeded"/);
  });

  it('should refuse to run twice in one folder, and stop at Ctrl-C while it starts', async () => {
    const second = run();
    const [code] = (await once(second, 'exit')) as [number];
    assert.equal(code, 1);
    assert.match(output, /in use by process/);
    assert.equal((await stop())[0], 0);
    up = run();
    await until('it starts', 20_000, async () => output.includes('starting in'));
    await new Promise((done) => setTimeout(done, 1_000));
    assert.equal((await stop())[0], 0);
    assert.deepEqual(ours(), []);
  });

  it('should name a taken port, its holder and its variable', async () => {
    const blocker = createServer().listen(ports[3], '127.0.0.1');
    await once(blocker, 'listening');
    up = run();
    const [code] = (await once(up, 'exit')) as [number];
    blocker.close();
    assert.equal(code, 1);
    const holder = `by process ${process.pid} \\(.+\\)`;
    assert.match(
      output,
      new RegExp(`port ${ports[3]} is taken ${holder}: set TOLLGATE_SIMULATOR_PORT`),
    );
  });
});

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
