import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { processorConfig } from '../../engine/config/config.js';
import { Egress, EgressFault, type EgressSettings } from './egress.js';

const SETTINGS: EgressSettings = {
  egressHosts: ['127.0.0.1', 'localhost', 'localhost.example', '10.0.0.1', 'acme.example'],
  allowPlaintext: ['acme.example'],
  egressCaFile: '',
  pspConnectTimeoutMs: 1_000,
  pspFirstByteTimeoutMs: 2_000,
  pspTimeoutMs: 400,
};
const GET = { method: 'GET', path: '/', headers: {}, body: null } as const;

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

function stop(server: Server): Promise<unknown> {
  server.closeAllConnections();
  return new Promise((done) => server.close(done));
}

describe('egress', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-egress-'));
  before(() => {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
    const options = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    execFileSync('openssl', ['req', ...options, ...files, ...subject], { stdio: 'ignore' });
  });
  after(() => rmSync(dir, { recursive: true }));

  const faultOf = async (origin: string, settings = SETTINGS): Promise<EgressFault> => {
    const egress = new Egress(origin, settings);
    try {
      await egress.send(GET);
    } catch (error) {
      assert.ok(error instanceof EgressFault);
      return error;
    } finally {
      await egress.close();
    }
    throw new Error('there was an answer');
  };
  const faultFrom = async (handler: RequestListener, settings = SETTINGS): Promise<EgressFault> => {
    const server = createServer(handler);
    const port = await listen(server);
    try {
      return await faultOf(`http://127.0.0.1:${port}`, settings);
    } finally {
      await stop(server);
    }
  };

  it('should refuse plain HTTP beyond the loopback, hosts that are not listed, and paths', () => {
    for (const [origin, reason] of [
      ['http://localhost.example', /neither HTTPS/],
      ['http://10.0.0.1', /neither HTTPS/],
      ['https://api.stripe.com', /not in TOLLGATE_EGRESS_HOSTS/],
      ['https://localhost@evil.example', /not in TOLLGATE_EGRESS_HOSTS/],
      ['http://localhost/v1', /more than scheme/],
      ['localhost', /not a URL/],
    ] as const)
      assert.throws(() => new Egress(origin, SETTINGS), reason, origin);
    assert.doesNotThrow(() => new Egress('http://acme.example', SETTINGS));
    const environment = { TOLLGATE_SIMULATORS: '{"acme": "http://acme.example"}' };
    assert.throws(() => processorConfig(environment), /acme: acme.example is not in .*HOSTS/);
  });

  it('should know that a refused connection was not sent', async () => {
    const server = createServer();
    const port = await listen(server);
    await stop(server);
    const fault = await faultOf(`http://127.0.0.1:${port}`);
    assert.deepEqual([fault.maybeSent, fault.reason], [false, 'ECONNREFUSED']);
  });

  it('should not know what became of a request that was cut, or not answered in time', async () => {
    const cut = await faultFrom((request) => request.socket.destroy());
    assert.deepEqual([cut.maybeSent, cut.reason], [true, 'UND_ERR_SOCKET']);
    const silent = await faultFrom(() => {});
    assert.deepEqual([silent.maybeSent, silent.reason], [true, 'TimeoutError']);
    const trickle = await faultFrom((_request, response) => {
      response.writeHead(200).write('{');
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    });
    assert.equal(trickle.maybeSent, true);
    const patient = { ...SETTINGS, pspTimeoutMs: 10_000, pspFirstByteTimeoutMs: 100 };
    const noHead = await faultFrom(() => {}, patient);
    assert.deepEqual([noHead.maybeSent, noHead.reason], [true, 'UND_ERR_HEADERS_TIMEOUT']);
  });

  it('should stop reading an answer that is too large', async () => {
    const fault = await faultFrom((_request, response) => response.end('x'.repeat(1_000_000)));
    assert.deepEqual([fault.maybeSent, fault.reason], [true, 'UND_ERR_RES_EXCEEDED_MAX_SIZE']);
  });

  it('should not follow a redirect', async () => {
    const server = createServer((_request, response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    );
    const egress = new Egress(`http://127.0.0.1:${await listen(server)}`, SETTINGS);
    assert.equal((await egress.send(GET)).httpStatus, 307);
    await egress.close();
    await stop(server);
  });

  it('should send nothing over TLS unless the certificate is right', async () => {
    let requests = 0;
    const [key, cert] = ['key.pem', 'cert.pem'].map((text) =>
      readFileSync(join(dir, text), 'utf8'),
    );
    const server = createTlsServer({ key: key!, cert: cert! }, (_request, response) => {
      requests++;
      response.end('{}');
    });
    const port = await listen(server);
    const unknown = await faultOf(`https://localhost:${port}`);
    assert.deepEqual([unknown.maybeSent, unknown.reason], [false, 'DEPTH_ZERO_SELF_SIGNED_CERT']);
    const trusting = { ...SETTINGS, egressCaFile: join(dir, 'cert.pem') };
    const wrongName = await faultOf(`https://127.0.0.1:${port}`, trusting);
    assert.deepEqual(
      [wrongName.maybeSent, wrongName.reason],
      [false, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    );
    assert.equal(requests, 0);
    const egress = new Egress(`https://localhost:${port}`, trusting);
    assert.equal((await egress.send(GET)).text, '{}');
    await egress.close();
    await stop(server);
  });
});
