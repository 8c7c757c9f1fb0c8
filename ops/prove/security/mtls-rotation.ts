/**
 * Every certificate is made anew and loaded while payments are posted and queries made: the
 * servers reload theirs, the engine takes its own, and nobody's request fails.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import pg from 'pg';
import { TOPICS } from '../../../engine/domain/topics.js';
import { readTopic } from '../../../engine/kafka/read-topic.js';
import { caFile, clientTls, roleFile, rotate } from '../../deploy/pki/authority.js';
import type { Role } from '../../deploy/pki/roles.js';
import { reloadKafkaCertificate } from '../../local/kafka.js';
import { postgresTlsUrl, reloadPostgresCertificate } from '../../local/postgres-tls.js';
import { post } from '../../testing/checkout-client.js';
import { type EngineProcess, startEngineProcess } from '../../testing/engine-process.js';
import type { Stage } from '../../testing/proof.js';
import { until } from '../../testing/system.js';

const CONNECT_MS_MAX = 5_000;
const END_MS_MAX = 500;
const USE_EVERY_MS = 20;
const TAKEN_MS_MAX = 15_000;

export interface Servers {
  /** Kafka's, whose topics have one partition. */
  readonly port: number;
  readonly postgresPort: number;
  /** Of Postgres. */
  readonly dir: string;
  readonly pki: string;
  readonly home: string;
}

interface User {
  readonly what: string;
  stop(): Promise<{ done: number; failed: number }>;
}

export async function showRotation(stage: Stage, servers: Servers): Promise<void> {
  const { port, postgresPort, dir, pki } = servers;
  const url = postgresTlsUrl(postgresPort, pki, 'processor');
  const engine = await startEngine(servers);
  try {
    const taken = async (): Promise<boolean> =>
      (await engine.metric('cdc_connected')) === 1 &&
      (await engine.metric('status_connected')) === 1;
    await until('the engine is connected', TAKEN_MS_MAX, taken);
    const users = [keepPaying(engine), await keepQuerying(url)];
    await sleep(stage.size(300, 2_000));
    const since = Date.now();
    rotate(pki);
    await reloadKafkaCertificate(port, pki);
    await reloadPostgresCertificate(dir, postgresPort, pki);
    await until('both servers show the new certificates', TAKEN_MS_MAX, async () => {
      const shown = [await kafkaCertificate(port, pki), await postgresCertificate(url)];
      return shown[0] === serialOf(pki, 'kafka') && shown[1] === serialOf(pki, 'postgres');
    });
    stage.figure('new certificates shown after', `${Date.now() - since} ms`);
    await until('the engine takes its new one', TAKEN_MS_MAX, async () => {
      return (await engine.metric('cdc_restarts_total')) === 1 && (await taken());
    });
    stage.figure('the engine goes by its own after', `${Date.now() - since} ms`);
    await sleep(stage.size(300, 2_000));
    const counts = new Map<string, number>();
    for (const user of users) {
      const { done, failed } = await user.stop();
      counts.set(user.what, done);
      stage.figure(`${user.what} during the rotation / failed`, `${done} / ${failed}`);
      stage.must(done > 10 && failed === 0, `${user.what} failed while certificates rotated`);
    }
    await showInKafka(stage, servers, engine, counts.get('payments') ?? 0);
  } finally {
    await engine.stop();
  }
}

function startEngine({ port, pki, home }: Servers): Promise<EngineProcess> {
  const { ca, cert, key } = clientTls(pki, 'engine');
  return startEngineProcess({
    TOLLGATE_DATA_DIR: join(home, 'engine'),
    TOLLGATE_KAFKA_BROKERS: `127.0.0.1:${port}`,
    TOLLGATE_PARTITIONS: '1',
    TOLLGATE_DISK_FREE_MIN_MB: '64',
    TOLLGATE_KAFKA_CA: ca,
    TOLLGATE_KAFKA_CERT: cert,
    TOLLGATE_KAFKA_KEY: key,
  });
}

/** Every payment that was answered 202 is a record; some twice, for a new producer repeats. */
async function showInKafka(
  stage: Stage,
  { port, pki }: Servers,
  engine: EngineProcess,
  payments: number,
): Promise<void> {
  const lag = (): Promise<number> => engine.metric('cdc_lag_sequences');
  await until('all is published', TAKEN_MS_MAX, async () => (await lag()) === 0);
  const keys = new Set<string>();
  const options = { partitions: 1, tls: clientTls(pki, 'admin') };
  await readTopic(`127.0.0.1:${port}`, TOPICS.accepted, options, ({ key }) => keys.add(`${key}`));
  const published = [...keys].filter((key) => key.includes('/rotation-')).length;
  stage.figure('payments answered 202 / in Kafka', `${payments} / ${published}`);
  stage.must(published === payments, 'a payment is missing in Kafka');
}

function keepPaying(engine: EngineProcess): User {
  let [done, failed, n] = [0, 0, 0];
  const open = new Set<Promise<void>>();
  const payOnce = async (): Promise<void> => {
    const status = await post(engine.api, `rotation-${n++}`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 202) done++;
    else failed++;
  };
  const timer = setInterval(() => {
    const payment = payOnce();
    open.add(payment);
    void payment.finally(() => open.delete(payment));
  }, USE_EVERY_MS);
  return {
    what: 'payments',
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return { done, failed };
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
      for (const name of [kept, await queryOnce(url)]) name === undefined ? done++ : failed++;
      await sleep(USE_EVERY_MS);
    }
  })();
  return {
    what: 'queries',
    async stop() {
      stopped = true;
      await loop;
      await client.end();
      return { done, failed };
    },
  };
}

/** On a connection of its own. @returns why it failed */
export async function queryOnce(url: string): Promise<string | undefined> {
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
