/**
 * A real Apache Kafka (KRaft, one node) on loopback, as a child process; with certificates it
 * speaks mTLS on every listener, and the ACLs of ops/deploy/pki decide who may do what.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { childEnvironment } from '../../engine/config/config.js';
import { EngineError } from '../../engine/util/errors.js';
import { caFile, clientTls, roleFile } from '../deploy/pki/authority.js';
import { ACLS, SUPER_USERS } from '../deploy/pki/kafka-acls.js';
import { createAcls, reloadKeyStore } from '../deploy/pki/kafka-admin.js';
import { accepts, becomes, type OnSpawned, type Running, startChild } from './child.js';
import { logEnd, startProblem } from './log-tail.js';

const CLUSTER_ID = 'dG9sbGdhdGUtbG9jYWwtMQ';
const LISTEN_MS_MAX = 60_000;
const NODE_ID = 1;
const IO_THREADS = Math.max(2, availableParallelism() >> 1);
const TLS_LISTENER = 'SSL';
const PROPERTIES = 'server.properties';
/** Java reads names of files as the locale has them. */
const UTF8 = { LC_ALL: 'C.UTF-8' };

export interface KafkaOptions {
  /** Where `make setup` put the jars. */
  readonly jars: string;
  readonly dir: string;
  readonly port: number;
  readonly controllerPort: number;
  /** Default: kafka.log in `dir`. */
  readonly log?: string;
  /** The folder of `tollgate certs`: mTLS and ACLs. Without: plain text and everything allowed. */
  readonly pki?: string;
  /** As MSK: a user is the whole name of a certificate, not only its common name. */
  readonly hasFullNames?: boolean;
  /** Where clients find the broker, when something stands between. Default: `port`. */
  readonly advertisedPort?: number;
  /** Added to ours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onSpawned?: OnSpawned;
}

export type LocalKafka = Running;

/**
 * After a rotation: the broker loads its new certificate, which new connections see within
 * about a second; open ones go on.
 */
export async function reloadKafkaCertificate(port: number, pki: string): Promise<void> {
  const broker = { address: `127.0.0.1:${port}`, tls: clientTls(pki, 'admin') };
  await reloadKeyStore(broker, NODE_ID, TLS_LISTENER, resolve(roleFile(pki, 'kafka')));
}

/** Formats the folder once, starts the broker, and resolves when it listens. */
export async function startKafka(options: KafkaOptions): Promise<LocalKafka> {
  const jars = join(resolve(options.jars), '*');
  if (!existsSync(options.jars)) {
    throw new EngineError(
      'kafka_jars_missing',
      `${options.jars} is not there: run \`make setup\`.`,
    );
  }
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(join(options.dir, PROPERTIES), serverProperties(options));
  // Its folder's path is not told to it: it may hold a comma, which separates folders in the properties.
  const place = { cwd: options.dir, env: childEnvironment({ ...UTF8, ...options.env }) };
  const classes = sharedClasses(options.jars);
  if (!existsSync(join(options.dir, 'data', 'meta.properties'))) {
    const format = [
      ...classes,
      '-cp',
      jars,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      CLUSTER_ID,
      '-c',
      PROPERTIES,
    ];
    const limits = { encoding: 'utf8', timeout: LISTEN_MS_MAX } as const;
    const done = spawnSync('java', format, { ...place, ...limits });
    if (done.status !== 0) {
      throw new EngineError(
        'kafka_format_failed',
        `Kafka's folder was not formatted: ${done.stderr || done.error?.message}`,
      );
    }
  }
  const log = options.log ?? join(options.dir, 'kafka.log');
  // The second compiler would take a core for the first minute.
  const heap = [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  ];
  const args = [...classes, ...heap, '-cp', jars, 'kafka.Kafka', PROPERTIES];
  const from = logEnd(log);
  const broker = startChild('java', args, log, {
    isPatient: true,
    ...place,
    onSpawned: options.onSpawned,
  });
  if (await becomes(() => listens(options), broker, LISTEN_MS_MAX)) return broker;
  await broker.stop('SIGKILL', 1_000);
  throw new EngineError(
    'kafka_start_failed',
    startProblem(`Kafka does not listen on port ${options.port}`, log, from),
  );
}

/** Where set-up keeps Kafka's loaded classes: a start takes a third less CPU with them. */
export function sharedClassesFile(jars: string): string {
  return `${resolve(jars)}.jsa`;
}

/** The JVM ignores an archive of other jars or of another JVM. */
function sharedClasses(jars: string): string[] {
  const file = sharedClassesFile(jars);
  return existsSync(file) ? ['-Xshare:auto', `-XX:SharedArchiveFile=${file}`] : [];
}

/** With certificates also: it knows who may do what. */
async function listens({ port, pki }: KafkaOptions): Promise<boolean> {
  if (!(await accepts(port))) return false;
  if (pki === undefined) return true;
  try {
    await createAcls({ address: `127.0.0.1:${port}`, tls: clientTls(pki, 'admin') }, ACLS);
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.canRetry) return false;
    throw error;
  }
}

function serverProperties(options: KafkaOptions): string {
  const { port, controllerPort, advertisedPort = port, pki } = options;
  const protocol = pki === undefined ? 'PLAINTEXT' : TLS_LISTENER;
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': NODE_ID,
    'controller.quorum.voters': `${NODE_ID}@127.0.0.1:${controllerPort}`,
    listeners: `${protocol}://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `${protocol}://127.0.0.1:${advertisedPort}`,
    'inter.broker.listener.name': protocol,
    'listener.security.protocol.map': `${protocol}:${protocol},CONTROLLER:${protocol}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': 'data',
    'auto.create.topics.enable': false,
    // It shares its cores: more threads only wake one another.
    'num.network.threads': IO_THREADS,
    'num.io.threads': IO_THREADS,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'controlled.shutdown.enable': false,
    // A broker that starts again waits until its last session has run out.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 500,
    ...(pki === undefined ? {} : tlsProperties(pki, options.hasFullNames === true)),
  })
    .map(([name, value]) => `${name}=${escaped(`${value}`)}\n`)
    .join('');
}

/** Properties files are Latin-1. */
function escaped(value: string): string {
  const code = (text: string): string => `\\u${text.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return value.replace(/[^ -~]|\\/g, code);
}

/** The user is the common name of the client's certificate; who stands in no ACL may nothing. */
function tlsProperties(pki: string, hasFullNames: boolean): Record<string, string> {
  return {
    'ssl.client.auth': 'required',
    'ssl.enabled.protocols': 'TLSv1.2,TLSv1.3',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': resolve(roleFile(pki, 'kafka')),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': resolve(caFile(pki)),
    ...(hasFullNames ? {} : { 'ssl.principal.mapping.rules': 'RULE:^CN=([a-z-]+)$/$1/,DEFAULT' }),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': SUPER_USERS.map((user) => `User:${hasFullNames ? 'CN=' : ''}${user}`).join(';'),
  };
}
