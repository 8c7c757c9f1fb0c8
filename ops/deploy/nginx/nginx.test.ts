import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { ShardRing } from '../../../engine/shards/shard-ring.js';
import type { Running } from '../../local/child.js';
import { startNginx, writeNginx } from '../../local/nginx.js';
import { type EdgeRequest, edgeRequest, exchangeTls } from '../../testing/edge-client.js';
import { freePorts } from '../../testing/engine-process.js';
import { caFile, initPki } from '../pki/authority.js';
import { developmentTopology } from '../topology/development.js';
import {
  checkTopology,
  currentShards,
  engineSocket,
  hostsFile,
  shardServer,
  type Topology,
} from '../topology/topology.js';
import { nginxEdge } from './edge.js';
import { nginxEngineHost } from './engine-host.js';
import { EDGE_PROBLEMS } from './problems.js';

/** What the engine behind says it got. */
interface Seen {
  readonly shard: number;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly bytes: number;
}

const IDS = Array.from({ length: 300 }, (_, i) => `order-${i}`);
/** Stands for Cloudflare: an address of loopback that only these tests use. */
const CLOUDFLARE = '127.0.0.77';

describe('nginx in front of two shards', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-nginx-'));
  const engines: Server[] = [];
  const running: Running[] = [];
  let topology: Topology;
  let ca = '';

  const edgeOptions = (entry: Topology) => ({
    name: 'edge',
    dir: join(dir, 'nginx'),
    config: nginxEdge(entry),
    hosts: hostsFile(entry),
    log: join(dir, 'logs', 'edge.log'),
    listens: entry.edge,
  });
  const hostOptions = (entry: Topology, number: number) => {
    const shard = entry.shards.find((shard) => shard.number === number)!;
    return {
      name: `shard-${number}-${shard.address}`,
      dir: join(dir, 'nginx'),
      config: nginxEngineHost(entry, shard).replace(/pid \S+;/, `pid ${shard.address}.pid;`),
      log: join(dir, 'logs', 'shard.log'),
      listens: { address: shard.address, port: entry.shardPort },
    };
  };
  const startHost = (entry: Topology, number: number): Promise<Running> =>
    startNginx(hostOptions(entry, number));
  /** The engines of this test send neither header: the edge adds both to every answer, once. */
  const ask = async (path: string, request: Partial<EdgeRequest> = {}) => {
    const answer = await edgeRequest({ port: topology.edge.port, ca, path, ...request });
    assert.deepEqual(
      [answer.headers['cache-control'], answer.headers['x-content-type-options']],
      ['no-store', 'nosniff'],
      `${answer.status} ${path}`,
    );
    return answer;
  };
  const seen = async (path: string, request: Partial<EdgeRequest> = {}): Promise<Seen> => {
    const answer = await ask(path, request);
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body) as Seen;
  };
  const problem = async (path: string, request: Partial<EdgeRequest> = {}) => {
    const answer = await ask(path, request);
    assert.equal(answer.headers['content-type'], 'application/problem+json', answer.body);
    const { status, code } = JSON.parse(answer.body) as { status: number; code: string };
    assert.equal(status, answer.status);
    return `${status} ${code}`;
  };
  const owners = async (): Promise<number[]> => {
    const found: number[] = [];
    for (const id of IDS) found.push((await seen(`/payments/${id}`)).shard);
    return found;
  };
  const reload = async (entry: Topology): Promise<void> => {
    writeNginx(edgeOptions(entry));
    process.kill(running[0]!.pid, 'SIGHUP');
    await sleep(500);
  };

  before(async () => {
    chmodSync(dir, 0o755);
    for (const name of ['sockets', 'logs']) mkdirSync(join(dir, name));
    initPki(join(dir, 'pki'));
    ca = readFileSync(caFile(join(dir, 'pki')), 'utf8');
    const [edgePort, shardPort, ...adminPorts] = await freePorts(5);
    const made = developmentTopology({
      shards: 3,
      adminPorts,
      edgePort: edgePort!,
      shardPort: shardPort!,
      processorAdminPorts: [],
      pkiDir: join(dir, 'pki'),
      socketDir: join(dir, 'sockets'),
      logDir: join(dir, 'logs'),
    });
    topology = checkTopology({
      ...made,
      epochs: [[0, 1]],
      edge: { ...made.edge, realIpFrom: [...made.edge.realIpFrom, `${CLOUDFLARE}/32`] },
      providers: { simulator: ['127.0.0.1/32', '2001:db8::/32'] },
    });
    for (const { number } of topology.shards) engines.push(await echo(topology, number));
    running.push(await startNginx(edgeOptions(topology)));
    for (const { number } of currentShards(topology))
      running.push(await startHost(topology, number));
  });

  after(async () => {
    await Promise.all(running.map((entry) => entry.stop('SIGTERM', 2_000)));
    for (const engine of engines) engine.close();
    rmSync(dir, { recursive: true });
  });

  it('should send every id where the ring says, by header and by path', async () => {
    const ring = new ShardRing([0, 1].map((value) => shardServer(topology, value)));
    assert.deepEqual(
      await owners(),
      IDS.map((id) => ring.ownerOf(id)),
    );
    for (const id of IDS.slice(0, 50)) {
      const headers = { 'X-PAYMENT-CHECKOUT-ID': id };
      const posted = await seen('/payments', { method: 'POST', headers, body: '{}' });
      assert.equal(posted.shard, ring.ownerOf(id));
      const hook = `/webhooks/psp/simulator/alpha/${id}`;
      assert.equal((await seen(hook, { method: 'POST', body: '{}' })).shard, ring.ownerOf(id));
    }
    const share = IDS.filter((id) => ring.ownerOf(id) === 0).length / IDS.length;
    assert.ok(share > 0.4 && share < 0.6, `${share}`);
  });

  it('should move no id when a shard comes up at another address', async () => {
    const before = await owners();
    const shards = topology.shards.map((shard) =>
      shard.number === 1 ? { ...shard, address: '127.71.0.99' } : shard,
    );
    const moved = checkTopology({ ...topology, shards });
    await running[2]!.stop('SIGTERM', 2_000);
    assert.equal(nginxEdge(moved), nginxEdge(topology));
    running.push(await startHost(moved, 1));
    await reload(moved);
    assert.deepEqual(await owners(), before);
    await running.pop()!.stop('SIGTERM', 2_000);
    running[2] = await startHost(topology, 1);
    await reload(topology);
  });

  it('should move about a third of the ids to a third shard, and none between the others', async () => {
    const before = await owners();
    const grown = checkTopology({
      ...topology,
      epochs: [
        [0, 1],
        [0, 1, 2],
      ],
    });
    running.push(await startHost(grown, 2));
    await reload(grown);
    const now = await owners();
    const moved = IDS.filter((_, i) => now[i] !== before[i]).length / IDS.length;
    assert.ok(moved > 0.2 && moved < 0.45, `${moved}`);
    assert.ok(now.every((value, i) => value === before[i] || value === 2));
    await reload(topology);
  });

  it('should refuse what is no id, and header and path that disagree', async () => {
    const headers = (id: string) => ({ 'X-PAYMENT-CHECKOUT-ID': id });
    assert.equal(await problem('/payments', { method: 'POST' }), '400 checkout_id_missing');
    for (const id of ['a/b', 'a b', 'é', 'a'.repeat(65), '../a', 'a%41'])
      assert.equal(
        await problem('/payments', {
          method: 'POST',
          headers: headers(Buffer.from(id).toString('latin1')),
        }),
        '400 checkout_id_invalid',
      );
    for (const path of [
      '/payments/',
      '/payments/%61',
      '/payments/a//b',
      '/payments/a/../b',
      `/payments/${'a'.repeat(65)}`,
    ])
      assert.equal(await problem(path), '400 checkout_id_invalid', path);
    assert.equal(
      await problem('/payments/a', { headers: headers('b') }),
      '400 checkout_id_mismatch',
    );
    assert.equal((await seen('/payments/a', { headers: headers('a') })).url, '/payments/a');
    assert.equal(await problem('/payments'), '405 method_not_allowed');
    for (const path of ['/', '/metrics', '/readyz', '/_problem/not_found', '/payments/../metrics'])
      assert.equal(await problem(path), '404 not_found', path);
  });

  it('should forbid caching and sniffing in every block that sets headers', () => {
    const blocks = nginxEdge(topology)
      .split('{')
      .filter((part) => part.includes('add_header '));
    assert.ok(blocks.length > EDGE_PROBLEMS.length, `${blocks.length}`);
    for (const block of blocks) {
      assert.match(block, /add_header Cache-Control no-store always;/);
      assert.match(block, /add_header X-Content-Type-Options nosniff always;/);
    }
  });

  it('should answer what is no HTTP, and OPTIONS, with the headers of every answer', async () => {
    assert.equal((await ask('/payments', { method: 'OPTIONS' })).status, 204);
    assert.equal((await ask(`/payments/a?${'q'.repeat(3_000)}`)).status, 414);
    assert.equal((await ask('/payments/a', { headers: { a: 'b'.repeat(3_000) } })).status, 431);
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/3.1\r\n\r\n']) {
      const answer = await exchangeTls(topology.edge.port, ca, bytes);
      assert.match(answer, /^HTTP\/1\.1 (?:400|505) /, bytes);
      assert.match(answer, /^Cache-Control: no-store\r$/m, bytes);
      assert.match(answer, /^X-Content-Type-Options: nosniff\r$/m, bytes);
    }
  });

  it('should bound bodies by their kind', async () => {
    const headers = { 'X-PAYMENT-CHECKOUT-ID': 'big' };
    const post = (bytes: number) => ({ method: 'POST', headers, body: Buffer.alloc(bytes, 'a') });
    assert.equal((await seen('/payments', post(16_384))).bytes, 16_384);
    assert.equal(await problem('/payments', post(16_385)), '413 body_too_large');
    assert.equal((await seen('/webhooks/psp/simulator', post(200_000))).bytes, 200_000);
    assert.equal(await problem('/webhooks/psp/simulator', post(270_000)), '413 body_too_large');
  });

  it('should believe an address only from Cloudflare, and a webhook only from its provider', async () => {
    const forged = {
      'CF-Connecting-IP': '203.0.113.9',
      'X-Forwarded-For': '203.0.113.9',
      'X-Real-IP': '203.0.113.9',
      Forwarded: 'for=203.0.113.9',
    };
    const direct = await seen('/payments/a', { headers: forged });
    assert.equal(direct.headers['x-real-ip'], '127.0.0.1');
    assert.doesNotMatch(JSON.stringify(direct.headers), /203\.0\.113\.9/);
    const through = await seen('/payments/a', { headers: forged, from: CLOUDFLARE });
    assert.equal(through.headers['x-real-ip'], '203.0.113.9');
    const hook = (from: string, address?: string) =>
      ask('/webhooks/psp/simulator', {
        method: 'POST',
        body: '{}',
        from,
        headers: address ? { 'CF-Connecting-IP': address } : {},
      });
    assert.equal((await hook('127.0.0.1')).status, 200);
    assert.equal((await hook('127.0.0.2')).status, 403);
    assert.equal((await hook('127.0.0.2', '127.0.0.1')).status, 403);
    assert.equal((await hook(CLOUDFLARE, '2001:db8::7')).status, 200);
    assert.equal((await hook(CLOUDFLARE, '2001:db9::7')).status, 403);
    assert.equal(await problem('/webhooks/psp/unknown', { method: 'POST' }), '404 not_found');
  });

  it('should pass the request id on, and log no query, header or card number', async () => {
    const own = { 'X-Request-Id': '6f1c9a52-9d3e-4b07-8d55-0c9a3d1f7e21' };
    assert.equal(
      (await seen('/payments/a', { headers: own })).headers['x-request-id'],
      own['X-Request-Id'],
    );
    assert.match((await seen('/payments/a')).headers['x-request-id']!, /^[0-9a-f]{32}$/);
    const planted = '4242424242424242';
    const headers = {
      Authorization: `Bearer sk_${planted}`,
      'X-Request-Id': planted,
      'User-Agent': planted,
    };
    await ask(`/payments/${planted}?card=${planted}`, { headers });
    await ask('/payments/4242-4242-4242-4242', { headers });
    await ask(`/${planted}`, { headers });
    await sleep(100);
    for (const name of [
      'edge.access.log',
      'edge.log',
      'shard.log',
      'shard-0.access.log',
      'shard-1.access.log',
    ]) {
      const text = readFileSync(join(dir, 'logs', name), 'utf8');
      assert.doesNotMatch(text, /4242-?4242/, name);
      if (name.endsWith('access.log'))
        for (const line of text.trim().split('\n').filter(Boolean)) JSON.parse(line);
    }
  });

  it('should answer 503 at once for a dead shard, and for no other', async () => {
    const ring = new ShardRing([0, 1].map((value) => shardServer(topology, value)));
    await running[2]!.stop('SIGTERM', 2_000);
    for (const id of IDS.slice(0, 40)) {
      const since = Date.now();
      const answer = await ask(`/payments/${id}`);
      assert.equal(answer.status, ring.ownerOf(id) === 1 ? 503 : 200);
      if (answer.status === 503) assert.equal(answer.headers['retry-after'], '1');
      assert.ok(Date.now() - since < 1_000);
    }
    running[2] = await startHost(topology, 1);
  });

  it('should trust no host with another certificate than an engine host’s', async () => {
    const ring = new ShardRing([0, 1].map((value) => shardServer(topology, value)));
    const id = IDS.find((text) => ring.ownerOf(text) === 1)!;
    const shard = topology.shards[1]!;
    initPki(join(dir, 'foreign'));
    const wrong = ['pki/edge.pem', 'foreign/engine-host.pem'];
    await running[2]!.stop('SIGTERM', 2_000);
    for (const file of wrong) {
      const config = nginxEngineHost(topology, shard).replace('pki/engine-host.pem', file);
      assert.match(config, new RegExp(file));
      const host = await startNginx({ ...hostOptions(topology, 1), config });
      assert.equal((await ask(`/payments/${id}`)).status, 503, file);
      await host.stop('SIGTERM', 2_000);
    }
    running[2] = await startHost(topology, 1);
    assert.equal((await ask(`/payments/${id}`)).status, 200);
  });

  it('should believe a load balancer only for Cloudflare, and Cloudflare for its callers', async () => {
    const edge = {
      ...topology.edge,
      proxyProtocolFrom: ['127.0.0.1/32'],
      realIpFrom: ['198.51.100.0/24', '2001:db8:cf::/48'],
    };
    await reload(checkTopology({ ...topology, edge }));
    const from = (peer: string) => askByProxy(topology.edge.port, ca, peer);
    assert.match(
      await from('TCP4 198.51.100.7 127.0.0.1 50000 443'),
      /"x-real-ip":"203\.0\.113\.9"/,
    );
    assert.match(await from('TCP6 2001:db8:cf::7 ::1 50000 443'), /"x-real-ip":"203\.0\.113\.9"/);
    assert.match(await from('TCP4 192.0.2.7 127.0.0.1 50000 443'), /"code":"forbidden"/);
    await reload(topology);
  });
});

/** As a load balancer passes a connection on: whom it speaks for, then the client's bytes. */
function askByProxy(port: number, ca: string, peer: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const plain = connect(port, '127.0.0.1', () => {
      plain.write(`PROXY ${peer}\r\n`);
      let text = '';
      const headers = 'Host: edge\r\nCF-Connecting-IP: 203.0.113.9\r\nConnection: close';
      const secure = connectTls({ socket: plain, ca, servername: 'localhost' }, () =>
        secure.write(`GET /payments/a HTTP/1.1\r\n${headers}\r\n\r\n`),
      );
      secure.on('data', (chunk) => (text += chunk)).once('error', reject);
      secure.once('close', () => resolve(text));
    });
    plain.once('error', reject);
  });
}

/** Stands for the engine's gateway thread, to see what nginx passes on. */
async function echo(topology: Topology, shard: number): Promise<Server> {
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () =>
      response.end(JSON.stringify({ shard, url: request.url, headers: request.headers, bytes })),
    );
  });
  server.listen(engineSocket(topology, shard, 0));
  await once(server, 'listening');
  return server;
}
