/**
 * What testssl.sh would ask of the edge: old protocols, weak ciphers, forward secrecy,
 * renegotiation, the certificate. Then the hop behind it: an engine's host serves nobody but
 * the edge. The client is able to speak what it expects to be refused: a server of our own
 * takes it first.
 */
import { X509Certificate } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectionOptions,
  connect,
  createServer,
  getCiphers,
  type SecureVersion,
} from 'node:tls';
import { initPki, roleFile } from '../../deploy/pki/authority.js';
import { EdgeFixture } from '../../testing/edge-fixture.js';
import { freePorts } from '../../testing/engine-process.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { type Peer, showRefusals } from './bad-certificates.js';
import { mtls } from './mtls.js';

const ANSWER_MS_MAX = 3_000;
const OLD: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1'];
/** With forward secrecy and an AEAD; everything else is weak here. */
const STRONG = /^ecdhe-(ecdsa|rsa)-(aes(128|256)-gcm|chacha20)-/;

export const edgeTls: Proof = {
  name: 'edge-tls',
  shows:
    'the edge speaks no old protocol and no weak cipher; every hop behind it refuses no, an expired, a foreign and another role’s certificate',
  async run(stage: Stage) {
    const edge = await EdgeFixture.start();
    try {
      await oldProtocols(stage, edge);
      await ciphers(stage, edge);
      await manners(stage, edge);
      await engineHop(stage, edge);
    } finally {
      await edge.stop();
    }
    // The short form of the hops to Kafka and Postgres is a test of its own.
    if (!stage.isShort) await mtls.run(stage);
  },
};

async function oldProtocols(stage: Stage, edge: EdgeFixture): Promise<void> {
  const control = await permissiveServer(roleFile(edge.pki, 'edge'));
  try {
    for (const version of OLD) {
      const only = { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' };
      const itself = await handshake(control.port, only);
      stage.must(itself === version, `the client itself cannot speak ${version}: ${itself}`);
      const answer = await handshake(edge.port, only);
      stage.figure(version, answer);
      stage.must(!answer.startsWith('TLS'), `the edge speaks ${version}`);
    }
  } finally {
    control.close();
  }
  for (const [name, hello] of Object.entries(ANCIENT_HELLOS)) {
    const answer = await sendHello(edge.port, hello);
    stage.figure(name, answer);
    stage.must(!answer.startsWith('hello'), `the edge speaks ${name}`);
  }
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const answer = await handshake(edge.port, { minVersion: version, maxVersion: version });
    stage.must(answer === version, `the edge does not speak ${version}: ${answer}`);
  }
  stage.figure('TLSv1.2, TLSv1.3', 'spoken');
}

async function ciphers(stage: Stage, edge: EdgeFixture): Promise<void> {
  const all = getCiphers().filter((cipher) => !cipher.startsWith('tls_'));
  const taken: string[] = [];
  for (const name of all) {
    const only = { maxVersion: 'TLSv1.2' as const, ciphers: `${name.toUpperCase()}:@SECLEVEL=0` };
    if ((await handshake(edge.port, only)) === 'TLSv1.2') taken.push(name);
  }
  stage.figure('ciphers tried / taken', `${all.length} / ${taken.join(' ')}`);
  stage.must(taken.length > 0, 'no cipher at all is taken');
  const weak = taken.filter((text) => !STRONG.test(text));
  stage.must(weak.length === 0, `weak ciphers are taken: ${weak.join(' ')}`);
}

async function manners(stage: Stage, edge: EdgeFixture): Promise<void> {
  const { port, ca } = edge;
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2', 'http/1.1'] });
  await new Promise((done, fail) => socket.once('secureConnect', done).once('error', fail));
  const certificate = new X509Certificate(socket.getPeerX509Certificate()!.raw);
  const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
  const { asymmetricKeyDetails } = certificate.publicKey;
  stage.figure('HTTP/2', `${socket.alpnProtocol}`);
  stage.figure('certificate', `${asymmetricKeyDetails?.namedCurve}, ${days.toFixed(0)} days left`);
  stage.must(socket.alpnProtocol === 'h2', 'HTTP/2 is not offered');
  stage.must(socket.authorized && days > 0 && days < 398, 'the certificate is not valid');
  socket.destroy();
  const renegotiated = await renegotiate(port, ca);
  stage.figure('renegotiation by the client', renegotiated);
  stage.must(renegotiated !== 'taken', 'the edge renegotiates');
}

/** The edge's hop to an engine's host: the four certificates, and no TLS below 1.3. */
async function engineHop(stage: Stage, edge: EdgeFixture): Promise<void> {
  const [right, foreign, expired] = [
    edge.pki,
    ...['foreign', 'expired'].map((text) => join(edge.dir, text)),
  ];
  mkdirSync(foreign!);
  initPki(foreign!);
  cpSync(right!, expired!, { recursive: true });
  const { address } = edge.topology.shards[0]!;
  const { shardPort } = edge.topology;
  await showRefusals(
    stage,
    {
      name: 'edge to engine host',
      role: 'edge-client',
      otherRole: 'engine',
      refusal: (peer) => askHost(address, shardPort, peer, edge.headersOf('alpha')),
    },
    { right: right!, foreign: foreign!, expired: expired! },
  );
  const wrongServer = await askHost(
    '127.0.0.1',
    edge.port,
    {
      ca: join(right!, 'ca.pem'),
      identity: roleFile(right!, 'edge-client'),
    },
    {},
  );
  stage.figure('edge to engine host: another server of our CA', wrongServer ?? 'TAKEN');
  stage.must(wrongServer !== undefined, 'another role’s server is taken for an engine host');
}

/** As the edge asks: by the role's name. @returns why it was not served */
function askHost(
  host: string,
  port: number,
  { ca, identity }: Peer,
  headers: Record<string, string>,
): Promise<string | undefined> {
  const own =
    identity === undefined ? {} : { cert: readFileSync(identity), key: readFileSync(identity) };
  return new Promise((resolve) => {
    const sent = request(
      {
        ...{
          host,
          port,
          path: '/payments/nobody',
          headers,
          servername: 'engine-host.tollgate.internal',
        },
        ...{ ca: readFileSync(ca), ...own, agent: false, timeout: ANSWER_MS_MAX },
      },
      (answer) => {
        answer.resume();
        const { statusCode } = answer;
        // 404 is the engine's own answer: it was asked.
        answer.once('end', () => resolve(statusCode === 404 ? undefined : `HTTP ${statusCode}`));
      },
    );
    sent.once('error', (error) => resolve(error.message.split('\n')[0]));
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.end();
  });
}

/** @returns the protocol that was agreed on, or why none was */
function handshake(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    try {
      const all = { host: '127.0.0.1', port, rejectUnauthorized: false, ...options };
      const socket = connect(all, () => {
        resolve(socket.getProtocol() ?? 'nothing');
        socket.destroy();
      });
      socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('no answer')));
      socket.once('error', (error) =>
        resolve(/alert [a-z ]+/.exec(error.message)?.[0] ?? 'refused'),
      );
    } catch (error) {
      // Some ciphers of the list are not for TLS 1.2 at all.
      resolve((error as Error).message);
    }
  });
}

async function renegotiate(port: number, ca: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca, maxVersion: 'TLSv1.2' });
  await new Promise((done, fail) => socket.once('secureConnect', done).once('error', fail));
  const outcome = new Promise<string>((resolve) => {
    socket.once('error', () => resolve('refused')).once('close', () => resolve('closed'));
    socket.renegotiate({ rejectUnauthorized: true }, (error) =>
      resolve(error ? 'refused' : 'taken'),
    );
  });
  const answer = await Promise.race([outcome, sleep(ANSWER_MS_MAX, 'ignored')]);
  socket.destroy();
  return answer;
}

/** Speaks everything that OpenSSL still can. */
async function permissiveServer(identity: string): Promise<{ port: number; close(): void }> {
  const [port] = await freePorts(1);
  const file = readFileSync(identity);
  const server = createServer({
    ...{ cert: file, key: file, minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  return { port: port!, close: () => server.close() };
}

/** ClientHellos that no library of today makes. */
const ANCIENT_HELLOS = {
  // Version 2 format: 0x80 length, CLIENT-HELLO, version 0.2, one cipher, 16 bytes of challenge.
  SSLv2: Buffer.concat([
    Buffer.from('801c01000200030000001007 00c0'.replaceAll(' ', ''), 'hex'),
    Buffer.alloc(16, 7),
  ]),
  // A version 3 record with a hello of version 3.0 and two ciphers of its time.
  SSLv3: Buffer.concat([
    Buffer.from('160300002f0100002b0300', 'hex'),
    Buffer.alloc(32, 7),
    Buffer.from('000004000a00050100', 'hex'),
  ]),
} as const;

/** @returns `hello…` when the server agreed */
function sendHello(port: number, hello: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(hello));
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
    socket.once('data', (chunk) => {
      resolve(chunk[0] === 0x16 || chunk[2] === 0x04 ? 'hello' : `alert ${chunk[6] ?? chunk[0]}`);
      socket.destroy();
    });
    socket.once('error', () => resolve('closed')).once('close', () => resolve('closed'));
  });
}
