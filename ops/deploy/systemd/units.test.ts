import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageFile } from '../../../engine/util/paths.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import { until } from '../../testing/system.js';
import { PRODUCTION } from '../aws/settings.js';
import { deploymentTopology } from '../aws/topology.js';
import { nginxFiles } from '../nginx/files.js';

const HARDENED = [
  'tollgate-engine@0',
  'tollgate-processor@1',
  'tollgate-reconcile@daily',
  'tollgate-nginx@edge',
  'tollgate-edge-names',
  'tollgate-logs',
  'tollgate-metrics',
];
const EXPOSURE_MAX = 20; // of 100, as systemd-analyze scores it
const folder = packageFile('ops/deploy/systemd');

describe('the systemd units', () => {
  const root = mkdtempSync(join(tmpdir(), 'tollgate-units-'));
  const units = readdirSync(folder).filter((name) => /\.(service|timer)$/.test(name));
  before(() => {
    // A host after install.sh, as far as systemd-analyze looks.
    const installed = join(root, 'etc/systemd/system');
    for (const text of ['ops/cli', 'ops/deploy/systemd'])
      cpSync(packageFile(text), join(root, 'opt/tollgate', text), { recursive: true });
    mkdirSync(installed, { recursive: true });
    mkdirSync(join(root, 'usr/sbin'), { recursive: true });
    for (const text of ['usr/sbin/nginx', 'usr/sbin/logrotate', 'bin/kill'])
      cpSync(`/${text}`, join(root, text));
    // Only image.sh installs it.
    mkdirSync(join(root, 'usr/bin'), { recursive: true });
    cpSync('/bin/true', join(root, 'usr/bin/prometheus'));
    for (const unit of units) cpSync(join(folder, unit), join(installed, unit));
    cpSync('/lib/systemd/system', join(root, 'usr/lib/systemd/system'), { recursive: true });
  });
  after(() => rmSync(root, { recursive: true }));

  it('should be right by systemd itself', () => {
    for (const unit of units) {
      const file = join(root, 'etc/systemd/system', unit);
      const options = ['verify', `--root=${root}`, '--man=no', '--recursive-errors=one', file];
      const { status, stderr } = spawnSync('systemd-analyze', options, { encoding: 'utf8' });
      // A key that systemd does not know is a warning only.
      assert.deepEqual([status, stderr], [0, ''], unit);
    }
  });

  it('should leave the processes hardly anything to do harm with', () => {
    for (const unit of HARDENED) {
      const options = [
        'security',
        '--offline=true',
        `--root=${root}`,
        `--threshold=${EXPOSURE_MAX}`,
      ];
      const { status, stdout } = spawnSync('systemd-analyze', [...options, `${unit}.service`], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, `${unit}: ${stdout.split('\n').at(-2)}`);
    }
  });

  it('should leave no dump, and no way to the credentials of the host', () => {
    for (const unit of HARDENED) {
      const text = readFileSync(join(folder, `${unit.replace(/@.*/, '@')}.service`), 'utf8');
      assert.match(text, /^LimitCORE=0$/m, unit);
      // It signs what it sends by the host's role.
      if (unit === 'tollgate-metrics') continue;
      assert.match(text, /^IPAddressDeny=169\.254\.169\.254$/m, unit);
    }
  });

  it('should run nothing as root, and give no process the right to pass over file modes', () => {
    for (const unit of units.filter((text) => text.endsWith('.service'))) {
      const text = readFileSync(join(folder, unit), 'utf8');
      assert.match(text, /^(User=tollgate(-nginx)?|DynamicUser=yes)$/m, unit);
      const rights = [...text.matchAll(/^(?:CapabilityBoundingSet|AmbientCapabilities)=(.*)$/gm)];
      const wanted = unit.includes('nginx') ? 'CAP_NET_BIND_SERVICE' : '';
      assert.deepEqual(
        rights.map((right) => right[1]),
        [wanted, wanted],
        unit,
      );
    }
  });

  it('should copy for nginx what its configurations name, and nothing else', () => {
    const script = readFileSync(join(folder, 'install.sh'), 'utf8');
    const files = nginxFiles(deploymentTopology(PRODUCTION, ['10.64.0.0/26']));
    for (const [name, role] of [
      ['edge.conf', 'edge'],
      ['shard-0.conf', 'shard'],
    ] as const) {
      const of = new RegExp(`^  ${role}\\)\\n(?:(?!;;)[^])*?configure_nginx (.*)$`, 'm');
      const copied = of.exec(script)![1]!.split(' ');
      const named = [...files[name]!.matchAll(/\/etc\/tollgate\S*\/([\w.-]+\.pem)/g)];
      assert.deepEqual([...new Set(named.map((match) => match[1]!))].sort(), copied.sort(), name);
      assert.doesNotMatch(files[name]!, /\/etc\/tollgate\/|^user /m);
    }
  });

  it('should give what writes reports a folder of its own', () => {
    for (const unit of ['processor', 'reconcile']) {
      const text = readFileSync(join(folder, `tollgate-${unit}@.service`), 'utf8');
      const state = /^StateDirectory=(\S+)$/m.exec(text)?.[1];
      const home = /^Environment=TOLLGATE_HOME=(\S+)$/m.exec(text)?.[1];
      assert.ok(state !== undefined && home === `/var/lib/${state}`, unit);
    }
  });

  it('should refuse simulators', () => {
    for (const unit of ['engine', 'processor'])
      assert.match(
        readFileSync(join(folder, `tollgate-${unit}@.service`), 'utf8'),
        /^Environment=TOLLGATE_PRODUCTION=on$/m,
      );
  });

  it('should hand secrets over as files of root only, never as arguments or in the unit', () => {
    for (const unit of units) {
      const text = readFileSync(join(folder, unit), 'utf8');
      assert.doesNotMatch(text, /(SECRET|TOKEN|PASSWORD|DATABASE_URL)=/i, unit);
      if (unit.includes('engine') || unit.includes('processor')) {
        assert.match(text, /^LoadCredential=(engine|processor)\.pem:/m, unit);
        assert.match(text, /^EnvironmentFile=\/etc\/tollgate\//m, unit);
        assert.match(text, /^UMask=0077$/m, unit);
        assert.match(text, /^WatchdogSec=/m, unit);
      }
    }
  });

  it('should not start an engine for anybody, without keys', () => {
    const text = readFileSync(join(folder, 'tollgate-engine@.service'), 'utf8');
    const file = /^Environment=TOLLGATE_KEYS_FILE=(\S+)$/m.exec(text)?.[1];
    assert.ok(file);
    const script = readFileSync(join(folder, 'install.sh'), 'utf8');
    assert.match(script, new RegExp(`install -m 0600 -o tollgate .* ${file}`));
  });

  it('should have scripts that bash can parse', () => {
    for (const text of readdirSync(folder).filter((name) => name.endsWith('.sh')))
      execFileSync('bash', ['-n', join(folder, text)]);
  });
});

/** Prints each datagram that arrives at the socket. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`;

describe('an engine under systemd', () => {
  it('should say that it is ready, that it lives, and that it stops', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-notify-'));
    const socket = join(dir, 'notify');
    const listener = spawn('python3', ['-c', LISTENER, socket]);
    let heard = '';
    listener.stdout.on('data', (chunk) => (heard += chunk));
    try {
      await until('the listener is bound', 5_000, async () => heard.includes('bound'));
      const engine = await startEngineProcess({
        TOLLGATE_DATA_DIR: join(dir, 'data'),
        TOLLGATE_CDC: 'off',
        NOTIFY_SOCKET: socket,
        WATCHDOG_USEC: '600000',
      });
      try {
        await until('READY', 5_000, async () => heard.includes('READY=1'));
        await until('three beats', 5_000, async () => heard.split('WATCHDOG=1').length > 3);
      } finally {
        await engine.stop();
      }
      await until('STOPPING', 5_000, async () => heard.includes('STOPPING=1'));
    } finally {
      listener.kill();
      rmSync(dir, { recursive: true });
    }
  });
});

describe('edge-names.sh', () => {
  it('should reload nginx when a name has another address, and only then', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-names-'));
    const started: ChildProcess[] = [];
    try {
      const fake = (name: string, script: string): void => {
        spawnSync('bash', [
          '-c',
          `printf '#!/bin/bash\\n%s\\n' "$1" >"$2"; chmod +x "$2"`,
          '-',
          script,
          join(dir, name),
        ]);
      };
      const nginx = spawn('bash', [
        '-c',
        `trap 'echo HUP >>${dir}/calls' HUP; echo; while :; do sleep 0.02; done`,
      ]);
      started.push(nginx);
      await once(nginx.stdout, 'data');
      writeFileSync(join(dir, 'pid'), `${nginx.pid}\n`);
      spawnSync('bash', ['-c', `echo server shard-0.tollgate.internal:9443 >${dir}/edge.conf`]);
      const run = async (address: string): Promise<string> => {
        fake('getent', `echo "${address} STREAM x"`);
        spawnSync('bash', ['-c', `: >${dir}/calls`]);
        execFileSync(
          join(folder, 'edge-names.sh'),
          ['edge.conf', 'known', 'pid'].map((text) => join(dir, text)),
          {
            env: { PATH: `${dir}:/usr/bin:/bin` },
          },
        );
        await sleep(200);
        return readFileSync(join(dir, 'calls'), 'utf8');
      };
      assert.equal(await run('10.64.4.1'), 'HUP\n');
      assert.equal(await run('10.64.4.1'), '');
      assert.equal(await run('10.64.4.2'), 'HUP\n');
    } finally {
      for (const child of started) child.kill('SIGKILL');
      rmSync(dir, { recursive: true });
    }
  });
});
