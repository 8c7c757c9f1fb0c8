/**
 * The inner hops to Kafka and Postgres: bad certificates are refused in both directions, and a
 * rotation loses not one record and not one query.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import rdkafka, { type LibrdKafkaError, type Producer } from 'node-rdkafka';
import pg from 'pg';
import { stackConfig } from '../../engine/core/config.js';
import { TOPICS } from '../../engine/core/topics.js';
import { producerSettings, producerTopicSettings } from '../../engine/kafka/client.js';
import { createTopics } from '../../engine/kafka/topics-admin.js';
import { freePorts } from '../e2e/engine-process.js';
import { caFile, clientTls, roleFile, rotate } from '../pki/authority.js';
import type { Role } from '../pki/roles.js';
import { reloadKafkaCertificate, startKafka } from '../up/kafka.js';
import { startPostgres } from '../up/postgres.js';
import { postgresTlsUrl, reloadPostgresCertificate } from '../up/postgres-tls.js';
import {
  type Certificates,
  makeCertificates,
  type Peer,
  showRefusals,
} from './bad-certificates.js';
import type { Proof, Stage } from './proof.js';
import { until } from './system.js';

const DELIVERY_MS_MAX = 2_500;
const CONNECT_MS_MAX = 5_000;
const END_MS_MAX = 500;
const USE_EVERY_MS = 20;

export const mtls: Proof = {
  name: 'mtls',
  shows:
    'Kafka and Postgres refuse a peer with no, an expired, a foreign or another role’s certificate, and rotate theirs unnoticed',
  async run(stage: Stage) {
    const home = mkdtempSync(join(tmpdir(), 'tollgate-mtls-'));
    const certificates = makeCertificates(join(home, 'pki'));
    const pki = certificates.right;
    const [port, controllerPort, postgresPort] = (await freePorts(3)) as [number, number, number];
    const jars = join(stackConfig().cacheDir, 'kafka');
    const dir = join(home, 'postgres');
    const log = join(home, 'postgres.log');
    const servers = await Promise.allSettled([
      startKafka({ jars, dir: join(home, 'kafka'), port, controllerPort, pki }),
      startPostgres({ dir, port: postgresPort, log, pki }),
    ]);
    try {
      for (const it of servers) if (it.status === 'rejected') throw it.reason;
      await kafkaHops(stage, port, certificates);
      await postgresHop(stage, postgresPort, certificates);
      await rotation(stage, { port, postgresPort, dir, pki });
    } finally {
      await Promise.all(
        servers.map((it) =>
          it.status === 'fulfilled' ? it.value.stop('SIGINT', 5_000) : undefined,
        ),
      );
      rmSync(home, { recursive: true, force: true });
    }
  },
};

async function kafkaHops(stage: Stage, port: number, from: Certificates): Promise<void> {
  const brokers = `127.0.0.1:${port}`;
  const topics = [TOPICS.accepted, TOPICS.status].map((name) => ({ name, partitions: 1 }));
  await createTopics(brokers, topics, 1, clientTls(from.right, 'engine'));
  const hop = (role: 'engine' | 'processor', topic: string) => ({
    name: `${role} to Kafka`,
    role,
    otherRole: role === 'engine' ? ('processor' as const) : ('engine' as const),
    refusal: (peer: Peer) => produceOnce(port, topic, peer),
  });
  await showRefusals(stage, hop('engine', TOPICS.accepted), from);
  await showRefusals(stage, hop('processor', TOPICS.status), from);
}

async function postgresHop(stage: Stage, port: number, from: Certificates): Promise<void> {
  const refusal = async ({ ca, identity }: Peer): Promise<string | undefined> => {
    const url = new URL(postgresTlsUrl(port, from.right, 'processor'));
    url.searchParams.set('sslrootcert', ca);
    for (const name of ['sslcert', 'sslkey']) {
      if (identity === undefined) url.searchParams.delete(name);
      else url.searchParams.set(name, identity);
    }
    return queryOnce(url.href);
  };
  const name = 'processor to Postgres';
  await showRefusals(stage, { name, role: 'processor', otherRole: 'engine', refusal }, from);
  const plain = await queryOnce(`postgres://processor@127.0.0.1:${port}/tollgate`);
  stage.figure(`${name}: without TLS`, plain ?? 'TAKEN');
  stage.must(plain !== undefined, 'Postgres takes a plain connection');
}

/** One record as our producers send it. @returns why it was not delivered */
async function produceOnce(
  port: number,
  topic: string,
  { ca, identity = '' }: Peer,
): Promise<string | undefined> {
  const tls = { ca, cert: identity, key: identity };
  const all = Object.entries(producerSettings(`127.0.0.1:${port}`, 'proof', tls));
  const producer = new rdkafka.Producer(
    Object.fromEntries(all.filter(([, value]) => value !== '')),
    producerTopicSettings(DELIVERY_MS_MAX),
  );
  try {
    await connected(producer);
  } catch (error) {
    return `${(error as Error).message} (${await tlsRefusal(port, ca, identity)})`;
  }
  const delivered = new Promise<LibrdKafkaError | null>((resolve) =>
    producer.once('delivery-report', resolve),
  );
  producer.setPollInterval(USE_EVERY_MS);
  producer.produce(topic, 0, Buffer.from('proof'), 'proof');
  const error = await delivered;
  producer.disconnect();
  return error?.message;
}

function connected(producer: Producer): Promise<void> {
  return new Promise((resolve, reject) =>
    producer.connect({ timeout: DELIVERY_MS_MAX }, (error) => (error ? reject(error) : resolve())),
  );
}

/** What TLS says of the same peer: librdkafka keeps it to itself until it is connected. */
function tlsRefusal(port: number, ca: string, identity: string): Promise<string> {
  const shown =
    identity === '' ? {} : { cert: readFileSync(identity), key: readFileSync(identity) };
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(ca), ...shown });
    socket.setTimeout(CONNECT_MS_MAX, () => socket.destroy(new Error('nothing is refused')));
    socket.once('error', (error) => resolve((error as { code?: string }).code ?? error.message));
  });
}

async function queryOnce(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS_MAX });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return undefined;
  } catch (error) {
    return (error as Error).message.split(':').slice(-3).join(':').trim() || 'refused';
  } finally {
    // A connection that broke off while TLS began may never report its end.
    await Promise.race([client.end().catch(() => {}), sleep(END_MS_MAX)]);
  }
}

interface Servers {
  readonly port: number;
  readonly postgresPort: number;
  /** Of Postgres. */
  readonly dir: string;
  readonly pki: string;
}

/** Records and queries go on while every certificate is made anew and both servers load theirs. */
async function rotation(stage: Stage, servers: Servers): Promise<void> {
  const { port, postgresPort, dir, pki } = servers;
  const url = postgresTlsUrl(postgresPort, pki, 'processor');
  const users = [await keepProducing(`127.0.0.1:${port}`, pki), await keepQuerying(url)];
  await sleep(stage.size(300, 2_000));
  rotate(pki);
  const since = Date.now();
  await reloadKafkaCertificate(port, pki);
  await reloadPostgresCertificate(dir, postgresPort, pki);
  await until('both servers show the new certificates', 10_000, async () => {
    const shown = [await kafkaCertificate(port, pki), await postgresCertificate(url)];
    return shown[0] === serialOf(pki, 'kafka') && shown[1] === serialOf(pki, 'postgres');
  });
  stage.figure('new certificates shown after', `${Date.now() - since} ms`);
  await sleep(stage.size(300, 2_000));
  const results = await Promise.all(users.map((it) => it.stop()));
  for (const { what, done, failed } of results) {
    stage.figure(`${what} during the rotation / failed`, `${done} / ${failed}`);
    stage.must(done > 10 && failed === 0, `${what} failed while certificates rotated`);
  }
}

interface User {
  stop(): Promise<{ what: string; done: number; failed: number }>;
}

async function keepProducing(brokers: string, pki: string): Promise<User> {
  const producer: Producer = new rdkafka.Producer(
    producerSettings(brokers, 'proof', clientTls(pki, 'engine')),
    producerTopicSettings(DELIVERY_MS_MAX),
  );
  let [done, failed, sent] = [0, 0, 0];
  producer.on('delivery-report', (error) => (error ? failed++ : done++));
  producer.on('event.error', () => {});
  await connected(producer);
  producer.setPollInterval(USE_EVERY_MS);
  const timer = setInterval(() => {
    producer.produce(TOPICS.accepted, 0, Buffer.from('proof'), 'proof');
    sent++;
  }, USE_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await new Promise((resolve) => producer.flush(DELIVERY_MS_MAX, resolve));
      await until('every record is reported', DELIVERY_MS_MAX, async () => done + failed === sent);
      producer.disconnect();
      return { what: 'records', done, failed };
    },
  };
}

/** Half the queries on one connection that stays, half on a new one each. */
async function keepQuerying(url: string): Promise<User> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let [done, failed] = [0, 0];
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      const kept = await client.query('select 1').then(
        () => undefined,
        (error: Error) => error.message,
      );
      for (const it of [kept, await queryOnce(url)]) it === undefined ? done++ : failed++;
      await sleep(USE_EVERY_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
      await client.end();
      return { what: 'queries', done, failed };
    },
  };
}

function serialOf(pki: string, role: Role): string {
  return new X509Certificate(readFileSync(roleFile(pki, role))).serialNumber;
}

function kafkaCertificate(port: number, pki: string): Promise<string> {
  const [ca, identity] = [readFileSync(caFile(pki)), readFileSync(roleFile(pki, 'admin'))];
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca, cert: identity, key: identity }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

async function postgresCertificate(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS_MAX });
  await client.connect();
  const { stream } = (client as unknown as { connection: { stream: TLSSocket } }).connection;
  const { serialNumber } = stream.getPeerCertificate();
  await client.end();
  return serialNumber;
}
