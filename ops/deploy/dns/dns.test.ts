import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';

const TOKEN = 'token-for-tests-only';
const ZONE = '0123456789abcdef0123456789abcdef';

interface Stored {
  readonly id: string;
  type: string;
  name: string;
  content: string;
  proxied: boolean;
}

/** Cloudflare's API as far as it is used: the list, the batch, origin pulls. */
class StandIn {
  readonly calls: string[] = [];
  records: Stored[] = [];
  originPulls = false;
  settings: Record<string, string> = {};
  readonly server: Server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      response.setHeader('content-type', 'application/json');
      const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
      if (!isKnown) response.statusCode = 403;
      const result = isKnown ? this.#answer(request, body) : null;
      const errors = isKnown ? [] : [{ code: 9109, message: 'Invalid access token' }];
      response.end(JSON.stringify({ success: isKnown, errors, messages: [], result }));
    });
  });

  #answer(request: IncomingMessage, body: string): unknown {
    const url = new URL(request.url!, 'http://x');
    this.calls.push(`${request.method} ${url.pathname.replace(`/zones/${ZONE}`, '')}`);
    const setting = /\/settings\/(\w+)$/.exec(url.pathname)?.[1];
    if (setting !== undefined) {
      if (request.method === 'PATCH') this.settings[setting] = JSON.parse(body).value;
      return { id: setting, value: this.settings[setting] };
    }
    if (request.method === 'GET' && url.pathname.endsWith('/settings'))
      return { enabled: this.originPulls };
    if (request.method === 'GET') {
      const name = url.searchParams.get('name.exact');
      const isFirst = (url.searchParams.get('page') ?? '1') === '1';
      return isFirst ? this.records.filter((record) => record.name === name) : [];
    }
    const input = JSON.parse(body);
    if (url.pathname.endsWith('/settings')) {
      this.originPulls = input.enabled;
      return input;
    }
    const gone = new Set(input.deletes.map((stored: Stored) => stored.id));
    this.records = this.records.filter((record) => !gone.has(record.id));
    for (const patch of input.patches)
      Object.assign(this.records.find(({ id }) => id === patch.id)!, patch);
    for (const post of input.posts)
      this.records.push({ ...post, id: `new-${this.records.length}` });
    return input;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

describe('ops/deploy/dns', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-dns-'));
  const tokenFile = join(folder, 'token');
  const standIn = new StandIn();
  before(async () => {
    writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
    await new Promise<void>((done) => standIn.server.listen(0, '127.0.0.1', done));
  });
  after(() => {
    standIn.server.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    standIn.calls.length = 0;
    standIn.originPulls = false;
    standIn.settings = { ssl: 'full', min_tls_version: '1.0' };
    standIn.records = [
      { id: 'old', type: 'A', name: 'pay.example.com', content: '203.0.113.9', proxied: true },
      { id: 'bare', type: 'A', name: 'pay.example.com', content: '198.51.100.1', proxied: false },
      { id: 'text', type: 'TXT', name: 'pay.example.com', content: 'keep', proxied: false },
      { id: 'other', type: 'A', name: 'www.example.com', content: '203.0.113.9', proxied: true },
    ];
  });

  async function run(
    options: string[],
    settings: Record<string, string> = {},
  ): Promise<{ code: number; output: string }> {
    const env = childEnvironment({
      TOLLGATE_DNS_NAME: 'pay.example.com',
      TOLLGATE_DNS_ADDRESSES: '198.51.100.1, 198.51.100.2',
      TOLLGATE_CLOUDFLARE_ZONE: ZONE,
      TOLLGATE_CLOUDFLARE_TOKEN_FILE: tokenFile,
      TOLLGATE_CLOUDFLARE_URL: `http://127.0.0.1:${(standIn.server.address() as AddressInfo).port}`,
      ...settings,
    });
    const script = packageFile('dist/ops/deploy/dns/main.js');
    return new Promise((resolve) => {
      execFile(process.execPath, [script, ...options], { env }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
      );
    });
  }

  it('should print the exact records and differences, and write nothing, unless told to', async () => {
    const { code, output } = await run([]);
    assert.equal(code, 3);
    assert.equal(
      output,
      [
        '; wanted at Cloudflare, with ssl strict, TLS 1.2 or newer and authenticated origin pulls',
        'pay.example.com. A 198.51.100.1 ; proxied',
        'pay.example.com. A 198.51.100.2 ; proxied',
        '~ ssl: full -> strict',
        '~ min_tls_version: 1.0 -> 1.2',
        '~ origin_pulls: off -> on',
        '- A 203.0.113.9',
        '~ pay.example.com. A 198.51.100.1 ; proxied',
        '+ pay.example.com. A 198.51.100.2 ; proxied',
        '; nothing was written: that takes --apply\n',
      ].join('\n'),
    );
    assert.ok(
      standIn.calls.every((call) => call.startsWith('GET ')),
      `${standIn.calls}`,
    );
  });

  it('should write all changes in one batch with --apply, and then find nothing to do', async () => {
    assert.equal((await run(['--apply'])).code, 0);
    assert.equal(standIn.calls.filter((call) => call === 'POST /dns_records/batch').length, 1);
    const left = standIn.records.map(
      (record) => `${record.name} ${record.type} ${record.content} ${record.proxied}`,
    );
    assert.deepEqual(left.sort(), [
      'pay.example.com A 198.51.100.1 true',
      'pay.example.com A 198.51.100.2 true',
      'pay.example.com TXT keep false',
      'www.example.com A 203.0.113.9 true',
    ]);
    assert.equal(standIn.originPulls, true);
    assert.deepEqual(standIn.settings, { ssl: 'strict', min_tls_version: '1.2' });
    const [first, last] = ['PATCH /settings/ssl', 'POST /dns_records/batch'].map((text) =>
      standIn.calls.indexOf(text),
    );
    assert.ok(first! >= 0 && first! < last!, `${standIn.calls}`);
    assert.equal((await run([])).code, 0);
  });

  it('should leave a stricter setting, and count a weaker one as a difference', async () => {
    assert.equal((await run(['--apply'])).code, 0);
    standIn.settings['min_tls_version'] = '1.3';
    assert.equal((await run([])).code, 0);
    standIn.settings['ssl'] = 'flexible';
    const { code, output } = await run([]);
    assert.equal(code, 3);
    assert.match(output, /^~ ssl: flexible -> strict$/m);
  });

  it('should do without a token as long as it only prints', async () => {
    const nothing = { TOLLGATE_CLOUDFLARE_TOKEN_FILE: '', TOLLGATE_CLOUDFLARE_TOKEN: '' };
    const { code, output } = await run([], nothing);
    assert.equal(code, 0);
    assert.match(output, /pay\.example\.com\. A 198\.51\.100\.2 ; proxied/);
    assert.equal((await run(['--apply'], nothing)).code, 1);
    assert.deepEqual(standIn.calls, []);
  });

  it('should take a token from a file or the environment only, and never show it', async () => {
    assert.equal((await run(['--token', TOKEN])).code, 2);
    writeFileSync(join(folder, 'wrong'), 'another-secret');
    const { code, output } = await run([], {
      TOLLGATE_CLOUDFLARE_TOKEN_FILE: join(folder, 'wrong'),
    });
    assert.equal(code, 1);
    assert.match(output, /Invalid access token/);
    assert.doesNotMatch(output, /another-secret|token-for-tests/);
  });

  it('should refuse what is no name or no address', async () => {
    assert.equal((await run([], { TOLLGATE_DNS_ADDRESSES: '10.0.0' })).code, 1);
    assert.equal((await run([], { TOLLGATE_DNS_NAME: 'a b.com' })).code, 1);
  });
});
