/**
 * The inner hops to Kafka and Postgres: bad certificates are refused in both directions, and a
 * rotation loses not one payment and not one query.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import rdkafka, { type LibrdKafkaError, type Producer } from 'node-rdkafka';
import { stackConfig } from '../../../engine/config/config.js';
import { TOPICS } from '../../../engine/domain/topics.js';
import { producerSettings, producerTopicSettings } from '../../../engine/kafka/client.js';
import { createTopics } from '../../../engine/kafka/topics-admin.js';
import { clientTls } from '../../deploy/pki/authority.js';
import { startKafka } from '../../local/kafka.js';
import { startPostgres } from '../../local/postgres.js';
import { postgresTlsUrl } from '../../local/postgres-tls.js';
import { freePorts } from '../../testing/engine-process.js';
import type { Proof, Stage } from '../../testing/proof.js';
import {
  type Certificates,
  makeCertificates,
  type Peer,
  showRefusals,
} from './bad-certificates.js';
import { showRights } from './mtls-rights.js';
import { queryOnce, showRotation } from './mtls-rotation.js';

const DELIVERY_MS_MAX = 2_500;
const CONNECT_MS_MAX = 5_000;
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
      for (const server of servers) if (server.status === 'rejected') throw server.reason;
      await kafkaHops(stage, port, certificates);
      await postgresHop(stage, postgresPort, certificates);
      await showRotation(stage, { port, postgresPort, dir, pki, home });
    } finally {
      await Promise.all(
        servers.map((server) =>
          server.status === 'fulfilled' ? server.value.stop('SIGINT', 5_000) : undefined,
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
  await showRights(stage, brokers, (role) => clientTls(from.right, role));
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
