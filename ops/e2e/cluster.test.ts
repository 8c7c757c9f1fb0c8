import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { roleFile, rotate } from '../deploy/pki/authority.js';
import { ROLES } from '../deploy/pki/roles.js';
import { loadCertificates } from '../local/rotation.js';
import { query } from '../testing/books.js';
import { VISA } from '../testing/checkout-client.js';
import { runCli } from '../testing/client-fixture.js';
import { ClusterSystem } from '../testing/cluster-system.js';
import { edgeRequest } from '../testing/edge-client.js';
import { until } from '../testing/system.js';

describe('tollgate up --cluster', { timeout: 240_000 }, () => {
  let system: ClusterSystem;
  const ask = (path: string, method = 'GET', more: Record<string, string> = {}, body = '') =>
    edgeRequest({
      ...{ port: system.edgePort, ca: system.ca, path, method, body },
      headers: { ...system.headersOf('alpha'), ...more },
    });
  const pay = (id: string) => {
    const headers = { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' };
    return ask('/payments', 'POST', headers, JSON.stringify(VISA));
  };
  const paid = (id: string) =>
    until(`${id} is paid`, 60_000, async () =>
      (await ask(`/payments/${id}`)).body.includes('"succeeded"'),
    );

  before(async () => {
    system = await ClusterSystem.start();
  });
  after(() => system.stop());

  it('should say where everything is, and pay over HTTPS only with a key', async () => {
    const { pids, admin, processorAdmin, keys, secrets, ca, api } = system.endpoints;
    const counts = [pids.engine, pids.engineHost, pids.processor, admin, processorAdmin];
    assert.deepEqual(
      counts.map((count) => count.length),
      [2, 2, 2, 2, 2],
    );
    assert.deepEqual(Object.keys(keys), ['alpha', 'beta', 'signed']);
    assert.deepEqual(Object.keys(secrets), ['signed']);
    assert.ok(existsSync(ca) && api.startsWith('https://'));
    assert.equal((await pay('first')).status, 202);
    await paid('first');
    const stranger = await edgeRequest({
      port: system.edgePort,
      ca: system.ca,
      path: '/payments/first',
    });
    assert.equal(stranger.status, 401);
  });

  it('should say how long the certificates last that each process uses', async () => {
    const { admin, processorAdmin } = system.endpoints;
    for (const url of [...admin, ...processorAdmin]) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const days = Number(/^certificate_days_left (\S+)$/m.exec(text)?.[1]);
      assert.ok(days > 29 && days <= 30, `${url}: ${days}`);
    }
  });

  it('should keep every process running', async () => {
    const before = system.endpoints.pids;
    const killed = [before.edge!, ...before.engine, ...before.engineHost, ...before.processor];
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await until('all run again', 60_000, async () => {
      const { pids } = system.endpoints;
      const now = [pids.edge, ...pids.engine, ...pids.engineHost, ...pids.processor];
      return now.every((value) => value !== undefined && !killed.includes(value));
    });
    await until(
      'the edge serves',
      20_000,
      async () => (await ask('/payments/first').catch(() => undefined))?.status === 200,
    );
    await until('it takes payments', 20_000, async () => (await pay('second')).status === 202);
    await paid('second');
  });

  it('should be looked at by commands that know its folder only', async () => {
    const here = { TOLLGATE_HOME: system.home, TOLLGATE_DISK_FREE_MIN_MB: '64' };
    const run = (...args: string[]) => runCli(args, here);
    assert.match((await run('get', 'second')).output, /"status": "succeeded"/);
    assert.match((await run('pay', 'from-cli')).output, /"status": "succeeded"/);
    assert.equal((await run('dlq', 'list')).output, '0 dead letters\n');
    assert.match((await run('wallet', 'credit', 'anna', '--amount', '5')).output, /^anna 5 USD/m);
    const acts = await query<{ action: string; target: object }>(
      system,
      'select action, target from operator_acts',
    );
    assert.deepEqual(
      acts.map((act) => act.action),
      ['wallet credit'],
    );
    assert.match(JSON.stringify(acts[0]!.target), /"wallet":"anna".*|"amount":5/);
    const { code, output } = await run('doctor');
    const { pids } = system.endpoints;
    const parts = ['kafka', 'postgres', 'simulator', 'engine-0', 'engine-1', 'processor-0'];
    for (const name of [...parts, 'processor-1', 'edge', 'host-0', 'host-1'])
      assert.match(output, new RegExp(`^ok {3}${name}\\b.*\\(pid \\d+, log .*\\.log\\)$`, 'm'));
    assert.doesNotMatch(output.replace(/.*fdatasync.*/, ''), /^BAD/m, `${code}`);
    const frozen: [string, number][] = [
      ['kafka', pids.kafka!],
      ['engine-1', pids.engine[1]!],
      ['host-0', pids.engineHost[0]!],
      ['postgres', pids.postgres!],
    ];
    for (const [name, pid] of frozen) {
      process.kill(pid, 'SIGSTOP');
      const since = Date.now();
      const said = await run('doctor');
      const looked = name === 'postgres' ? [await run('wallet', 'show', 'anna')] : [];
      process.kill(pid, 'SIGCONT');
      assert.match(said.output, new RegExp(`^BAD  ${name}.*process ${pid} is stopped`, 'm'));
      assert.equal(said.code, 1);
      assert.ok(Date.now() - since < 12_000);
      for (const entry of looked) assert.match(entry.output, /Postgres does not answer within 4 s/);
    }
  });

  it('should take renewed certificates without an error for anybody', async () => {
    const { pki } = system.endpoints;
    let isOver = false;
    const statuses = new Map<number, number>();
    const client = async (): Promise<void> => {
      while (!isOver) {
        const { status } = await ask('/payments/first');
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const clients = [client(), client()];
    rotate(pki);
    await loadCertificates(system.home, system.endpoints, ROLES);
    const renewed = new X509Certificate(readFileSync(roleFile(pki, 'edge'))).serialNumber;
    await until(
      'the new certificate is shown',
      10_000,
      async () => (await shownSerial(system.edgePort)) === renewed,
    );
    isOver = true;
    await Promise.all(clients);
    assert.deepEqual([...statuses.keys()], [200]);
    assert.equal((await pay('third')).status, 202);
    await paid('third');
  });

  it('should grow by the shard that is named, once', async () => {
    const add = (number: number, env = {}) =>
      runCli(['shard', 'add', '--number', `${number}`], { ...system.environment, ...env });
    assert.match((await add(3)).output, /the next shard is 2, not 3/);
    assert.match((await add(2, { TOLLGATE_ADMIN_PORTS: '1,2,3' })).output, /set them as they were/);
    assert.equal(system.topology.shards.length, 2);
    const added = await add(2);
    assert.match(added.output, /ids of shard 2 go there now/);
    assert.equal(added.code, 0);
    const again = await add(2);
    assert.match(again.output, /shard 2 is there already; nothing was added/);
    assert.equal(again.code, 0);
    assert.deepEqual(system.topology.epochs, [
      [0, 1],
      [0, 1, 2],
    ]);
    for (const id of ['first', 'second', 'third']) await paid(id);
  });

  it('should stop within 15 s, leave nobody behind, and go on with its data', async () => {
    const seconds = await system.halt();
    assert.ok(seconds < 15, `${seconds} s`);
    assert.deepEqual(processesOf(system.home), []);
    assert.equal(existsSync(join(system.home, 'endpoints.json')), false);
    await system.startAgain();
    for (const id of ['first', 'second', 'third'])
      assert.match((await ask(`/payments/${id}`)).body, /"succeeded"/);
  });
});

function shownSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Whose command line or environment names this home. */
function processesOf(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) =>
      ['cmdline', 'environ'].some((file) => read(`/proc/${pid}/${file}`).includes(home)),
    );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
