import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageFile } from '../../engine/util/paths.js';
import { initPki, roleFile } from '../deploy/pki/authority.js';
import { type FakeServer, type Run, run, runCli, serve } from '../testing/client-fixture.js';

const BUSY_MS = 3_000;
const KEY = 'tg_key_of_the_test';

/** Each client, as it is run against an API with a key and a CA of its own. */
const CLIENTS: readonly (readonly [string, (url: string, env: object) => Promise<Run>])[] = [
  [
    'pay.sh',
    (url, env) => run('bash', [packageFile('ops/examples/pay.sh'), url, 'id'], { ...env }),
  ],
  [
    'pay.ts',
    (url, env) =>
      run(process.execPath, [packageFile('dist/ops/examples/pay.js'), url, 'id'], { ...env }),
  ],
  ['tollgate pay', (url, env) => runCli(['pay', 'id', '--url', url], { ...env })],
];

describe('clients', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-clients-'));
  let server: FakeServer;
  let requests = 0;
  let posts = 0;
  let busyUntil = 0;
  let keys = new Set<string | undefined>();
  const paths: string[] = [];

  const answer: RequestListener = (request, response) => {
    requests++;
    keys.add(request.headers.authorization);
    paths.push(request.url ?? '');
    const isPost = request.method === 'POST';
    const status = (code: number, text: string, headers = {}) =>
      response.writeHead(code, headers).end(text);
    request.resume();
    if (Date.now() < busyUntil) return status(503, '{"code":"busy"}', { 'Retry-After': '1' });
    if (request.headers.authorization !== `Bearer ${KEY}`)
      return status(401, '{"status":401,"code":"key_invalid"}');
    if (isPost) posts++;
    if (posts === 0) return status(404, '{"status":404,"code":"payment_not_found"}');
    return isPost
      ? status(202, '{"status":"pending"}')
      : status(200, '{"status":"succeeded","amount":1999}', { ETag: '"1"' });
  };

  before(async () => {
    initPki(join(dir, 'pki'));
    writeFileSync(join(dir, 'key'), `${KEY}\n`, { mode: 0o600 });
    server = await serve(answer, readFileSync(roleFile(join(dir, 'pki'), 'edge'), 'utf8'));
  });
  after(() => {
    server.close();
    rmSync(dir, { recursive: true });
  });

  const begin = (busyMs: number): void => {
    requests = 0;
    posts = 0;
    keys = new Set();
    paths.length = 0;
    busyUntil = Date.now() + busyMs;
  };
  const environment = () => ({ TOLLGATE_KEY: KEY, TOLLGATE_CA: join(dir, 'pki', 'ca.pem') });

  for (const [name, client] of CLIENTS)
    it(`should wait as Retry-After says, and take key and CA: ${name}`, async () => {
      begin(BUSY_MS);
      const { code, output } = await client(server.url, environment());
      assert.equal(code, 0, output);
      assert.match(output, /succeeded/);
      // One a second while it was busy, one to pay, one or two to read.
      assert.ok(requests <= BUSY_MS / 1_000 + 5, `${requests} requests`);
      assert.deepEqual([...keys], [`Bearer ${KEY}`]);
    });

  it('should pay many with the ids that it names, and stop at once with a wrong key', async () => {
    begin(0);
    const args = ['pay', '--count', '3', '--prefix', 'many', '--url', `${server.url}/below`];
    const paid = await runCli(args, environment());
    assert.match(paid.output, /checkout ids many-0 to many-2/);
    assert.match(paid.output, /accepted {3}3 of 3/);
    const counted = await runCli([...args, '--json'], environment());
    const line = counted.output.split('\n').find((text) => text.startsWith('{'))!;
    const { p50_ms, p99_ms, ...rest } = JSON.parse(line);
    const wanted = { count: 3, accepted: 3, refused: 0, terminal: { succeeded: 3 } };
    assert.deepEqual(rest, wanted);
    assert.ok(p50_ms > 0 && p99_ms >= p50_ms, line);
    assert.ok(
      paths.every((path) => path.startsWith('/below/payments')),
      paths.join(' '),
    );
    begin(0);
    const refused = await runCli(args, { ...environment(), TOLLGATE_KEY: 'tg_another' });
    assert.match(refused.output, /the API answers 401: .*key_invalid/);
    assert.equal(refused.code, 1);
    assert.equal(requests, 1);
  });

  const load = (more: readonly string[], env: object): Promise<Run> => {
    const fast = ['--rate', '50', '--duration', '0.2', '--warm-up', '0', '--connections', '2'];
    return runCli(['load', '--url', `${server.url}/below`, ...fast, ...more], { ...env });
  };

  it('should load below the path of the URL, with outcomes, its key not an argument', async () => {
    begin(0);
    const { TOLLGATE_CA } = environment();
    const { output, code } = await load(['--poll', '--key-file', join(dir, 'key')], {
      TOLLGATE_CA,
    });
    assert.match(output, /requests: 10 at/);
    assert.match(output, /outcomes: succeeded 10/);
    assert.equal(code, 0);
    assert.ok(
      paths.includes('/below/payments') && paths.every((path) => path.startsWith('/below/')),
    );
  });

  it('should say which code was the answer, and no time for none', async () => {
    begin(0);
    const { output, code } = await load([], { ...environment(), TOLLGATE_KEY: 'tg_another' });
    assert.match(output, /10 failed: 401 key_invalid/);
    assert.match(output, /none had the expected answer/);
    assert.doesNotMatch(output, /p50/);
    assert.equal(code, 1);
  });
});
