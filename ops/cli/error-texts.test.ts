import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Store } from '../../engine/store/store.js';
import { checkSignedHead } from '../../gateway/auth/checksum.js';
import { isProblem, parseCheckout } from '../../gateway/checkouts/checkout.js';
import { initPki, roleFile } from '../deploy/pki/authority.js';
import { logEnd, startProblem } from '../local/log-tail.js';
import { runCli, serve } from '../testing/client-fixture.js';

const dir = mkdtempSync(join(tmpdir(), 'tollgate-texts-'));
const home = { TOLLGATE_HOME: dir };
const NOWHERE = 'http://127.0.0.1:2';
const PENDING = '{"status":"processing"}';

interface Row {
  readonly name: string;
  readonly text: () => Promise<string>;
  readonly says: RegExp;
}

/** A command with the exit code that it ends with, within 6 s. */
function command(args: string, code: number, says: RegExp, env: object = {}): Row {
  return {
    name: `tollgate ${args}`,
    says,
    async text() {
      const done = await runCli(args.split(' '), { ...home, ...env });
      assert.equal(done.code, code, done.output);
      assert.doesNotMatch(done.output, /^ +at /m, 'a stack');
      assert.ok(done.ms < 6_000, `${done.ms} ms`);
      return done.output;
    },
  };
}

function body(field: object): () => Promise<string> {
  const checkout = { amount: 1, currency: 'USD', payment_method: 'pm_card_visa', ...field };
  return async () => {
    const parsed = parseCheckout(Buffer.from(JSON.stringify(checkout)), 'default', 'id', 0);
    return isProblem(parsed) ? JSON.stringify(parsed.errors) : 'accepted';
  };
}

const silent = createServer(() => {}).listen(0, '127.0.0.1');
await once(silent, 'listening');
const SILENT = `127.0.0.1:${(silent.address() as AddressInfo).port}`;

const ROWS: readonly Row[] = [
  command(
    `dlq list --url ${NOWHERE}`,
    1,
    /no processor answers at http:\/\/127.0.0.1:2 \(TOLLGATE_PROCESSOR_ADMIN_PORT\)/,
  ),
  command(`dlq list --url http://${SILENT}`, 1, /no processor answers at/),
  command('wallet show anna', 1, /Postgres does not answer within 4 s at postgres:/, {
    TOLLGATE_DATABASE_URL: `postgres://a:secret@${SILENT}/x`,
  }),
  command(
    'wallet show anna',
    1,
    /no Postgres answers at postgres:\/\/127.0.0.1:1\/x \(TOLLGATE_DATABASE_URL\)/,
    {
      TOLLGATE_DATABASE_URL: 'postgres://a:secret@127.0.0.1:1/x',
    },
  ),
  command(`pay --url ${NOWHERE}`, 1, /no API answers at http:\/\/127.0.0.1:2 \(--url/),
  command(`pay --count 3 --url ${NOWHERE}`, 1, /no API answers at/),
  command(`get x --url ${NOWHERE}`, 1, /no API answers at/),
  command(`load --url ${NOWHERE}`, 1, /no API answers at/),
  command('load --url nonsense', 2, /--url: "nonsense" is not a URL such as/),
  command('load --url http://a --ca /none', 2, /--ca: ENOENT/),
  command('pay --key-file /none', 2, /--key-file: ENOENT/),
  command(
    'pay order-1 --count 3',
    2,
    /a checkout id is of one payment: with --count give --prefix/,
  ),
  command('keys add --file k --merchant a?b', 2, /1 to 64 letters, digits, _ or -$/m),
  command('wallet show a?b', 2, /1 to 64 letters, digits, _ or -$/m),
  command('engine', 2, /TOLLGATE_API_PORT and TOLLGATE_ADMIN_PORT are both 28081/, {
    TOLLGATE_API_PORT: '28081',
    TOLLGATE_ADMIN_PORT: '28081',
  }),
  command('nginx --topology /none --out x', 1, /ENOENT/),
  {
    name: 'a currency in small letters',
    text: body({ currency: 'usd' }),
    says: /an ISO 4217 code in capitals, such as USD/,
  },
  {
    name: 'a provider in capitals',
    text: body({ provider: 'Stripe' }),
    says: /"must be the name of a provider, such as stripe"/,
  },
  {
    name: 'a time stamp in milliseconds',
    says: /X-PAYMENT-TIMESTAMP is in Unix seconds/,
    text: async () => {
      const signed = {
        method: 'POST',
        path: '/payments',
        id: 'x',
        checksum: `sha256=${'0'.repeat(64)}`,
      } as const;
      const problem = checkSignedHead({ ...signed, timestamp: `${Date.now()}` }, ['s'.repeat(16)]);
      return problem?.detail ?? '';
    },
  },
  {
    name: 'a volume that an engine has open',
    says: /^an engine runs on this volume: stop it/,
    text: async () => {
      const options = { memtableMb: 8 };
      await Store.open(join(dir, 'volume'), options);
      return await Store.open(join(dir, 'volume'), options).then(
        () => 'opened',
        (error: Error) => error.message,
      );
    },
  },
  {
    name: 'a process that does not start',
    says: /^engine did not start: the engine ends: port 80 is taken; log: .*engine\.log$/,
    text: async () => {
      const log = join(dir, 'engine.log');
      writeFileSync(log, 'of an earlier run\n');
      const from = logEnd(log);
      assert.equal(startProblem('x', log, from), `x: see ${log}.`);
      const line = { msg: 'the engine ends', err: { message: 'port 80 is taken' } };
      const stack = '    at Server.listen (node:net:1:2)\n\nNode.js v20.20.0\n';
      writeFileSync(log, `${JSON.stringify(line)}\n${stack}`, { flag: 'a' });
      return startProblem('engine did not start', log, from);
    },
  },
];

describe('what is said when something is wrong', { timeout: 120_000 }, () => {
  after(() => {
    silent.close();
    rmSync(dir, { recursive: true, force: true });
  });

  for (const { name, text, says } of ROWS)
    it(`should say ${says.source.slice(0, 50)} for ${name}`, async () => {
      assert.match((await text()).trimEnd(), says);
    });

  it('should name a payment that is not finished in time, and where to look', async () => {
    const server = await serve((request, response) => {
      response.writeHead(request.method === 'POST' ? 202 : 200).end(PENDING);
    });
    const { code, output } = await runCli(
      ['pay', 'slow', '--wait', '1', '--url', server.url],
      home,
    );
    server.close();
    assert.match(output, /not finished after 1 s: `tollgate dlq show slow`/);
    assert.equal(code, 1);
  });

  it('should say that a certificate is not trusted, and take its CA', async () => {
    const pki = join(dir, 'pki');
    initPki(pki);
    const pem = readFileSync(roleFile(pki, 'edge'), 'utf8');
    const server = await serve((_, response) => response.writeHead(404).end('{}'), pem);
    for (const args of [['get', 'x'], ['pay'], ['load', '--duration', '0.1', '--warm-up', '0']]) {
      const { output, code } = await runCli([...args, '--url', server.url], home);
      assert.match(output, /certificate not trusted: give --ca/, args[0]);
      assert.equal(code, 1);
    }
    const { output } = await runCli(
      ['get', 'x', '--url', server.url, '--ca', join(pki, 'ca.pem')],
      home,
    );
    server.close();
    assert.equal(output, '{}\n');
  });
});
