import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { childEnvironment } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { runCli } from '../testing/client-fixture.js';

/** A command, and the part of the running system that it must ask. */
const COMMANDS: readonly (readonly [string, string])[] = [
  ['wallet show anna', 'postgres'],
  ['wallet credit anna --amount 1', 'postgres'],
  ['reconcile daily', 'postgres'],
  ['reconcile monthly', 'postgres'],
  ['reconcile items', 'postgres'],
  ['reconcile resolve 1 --reason x --by me', 'postgres'],
  ['maintain', 'postgres'],
  ['recover postgres', 'postgres'],
  ['shard recover --from-kafka', 'kafka'],
  ['dlq list', 'processor'],
  ['dlq show order-1', 'processor'],
  ['dlq redrive --all', 'processor'],
  ['pay order-1', 'api'],
  ['pay --count 2', 'api'],
  ['get order-1', 'api'],
];
const PARTS = ['postgres', 'kafka', 'processor', 'api', 'simulator'] as const;

describe('commands on a home that has endpoints.json', () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-running-'));
  const servers = new Map<string, Server>();
  const asked = new Set<string>();
  const sockets = new Set<Socket>();

  before(async () => {
    for (const part of PARTS) {
      const server = createServer((socket) => {
        asked.add(part);
        sockets.add(socket.on('error', () => {}));
      });
      servers.set(part, server.listen(0, '127.0.0.1'));
      await once(server, 'listening');
    }
  });

  after(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers.values()) server.close();
    rmSync(home, { recursive: true });
  });

  const addressOf = (part: string): string =>
    `127.0.0.1:${(servers.get(part)!.address() as AddressInfo).port}`;

  function writeHome(isCluster: boolean): void {
    const common = {
      api: `http://${addressOf('api')}`,
      simulator: `http://${addressOf('simulator')}`,
      postgres: `postgres://a:b@${addressOf('postgres')}/tollgate`,
      kafka: addressOf('kafka'),
      dataDir: join(home, isCluster ? 'cluster' : 'data'),
      webhookSecret: 'whsec_development_only',
    };
    const processorAdmin = `http://${addressOf('processor')}`;
    const admin = 'http://127.0.0.1:1';
    mkdirSync(join(home, 'pki'), { recursive: true });
    writeFileSync(join(home, 'pki', 'ca.pem'), '');
    const cluster = {
      admin: [admin],
      processorAdmin: [processorAdmin],
      pids: { engine: [], processor: [], engineHost: [] },
      ...{ ca: join(home, 'pki', 'ca.pem'), pki: join(home, 'pki'), topology: '' },
      keys: { alpha: 'tg_alpha' },
      secrets: {},
    };
    const single = { admin, processorAdmin, pids: {} };
    const endpoints = { ...common, ...(isCluster ? cluster : single) };
    writeFileSync(join(home, 'endpoints.json'), JSON.stringify(endpoints));
  }

  /** Runs until the part was asked, or the command has ended. */
  async function partsAsked(command: string, part: string): Promise<[Set<string>, string]> {
    asked.clear();
    const env = childEnvironment({ TOLLGATE_HOME: home, TOLLGATE_SHARD: '0' });
    const args = [packageFile('ops/cli/tollgate.mjs'), ...command.split(' ')];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const readable of [child.stdout, child.stderr])
      readable.on('data', (chunk) => (output += chunk));
    const exited = once(child, 'exit');
    while (!asked.has(part) && child.exitCode === null)
      await new Promise((done) => setTimeout(done, 20));
    child.kill('SIGKILL');
    await exited;
    return [new Set(asked), output];
  }

  for (const isCluster of [false, true])
    for (const [command, part] of COMMANDS)
      it(`should ask what runs there: ${command}${isCluster ? ' (cluster)' : ''}`, {
        timeout: 20_000,
      }, async () => {
        writeHome(isCluster);
        const [parts, output] = await partsAsked(command, part);
        assert.ok(parts.has(part), output);
      });
});

describe('commands whose settings are wrong', () => {
  const wrong = { TOLLGATE_API_PORT: 'x', TOLLGATE_KAKFA_PORT: '1' };

  it('should still print their help', async () => {
    const { code, output } = await runCli(['--help'], wrong);
    assert.match(output, /Usage: tollgate/);
    assert.equal(code, 0);
  });

  for (const command of [...COMMANDS.map(([key]) => key), 'doctor', 'certs rotate'])
    it(`should end with the reasons and code 2: ${command}`, async () => {
      const { code, output } = await runCli(command.split(' '), wrong);
      assert.match(output, /TOLLGATE_API_PORT: "x"|TOLLGATE_KAKFA_PORT: there is no such setting/);
      assert.doesNotMatch(output, /^ +at /m);
      assert.equal(code, 2, output);
    });
});
