/** A real Apache Kafka (KRaft, one node) on loopback, as a child process. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EngineError } from '../../engine/core/errors.js';
import { accepts, becomes, type Running, startChild } from './child.js';

const CLUSTER_ID = 'dG9sbGdhdGUtbG9jYWwtMQ';
const LISTEN_MS_MAX = 60_000;

export interface KafkaOptions {
  /** Where `make setup` put the jars. */
  readonly jars: string;
  readonly dir: string;
  readonly port: number;
  readonly controllerPort: number;
  /** Default: kafka.log in `dir`. */
  readonly log?: string;
}

export type LocalKafka = Running;

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
  const properties = join(options.dir, 'server.properties');
  writeFileSync(properties, serverProperties(options));
  if (!existsSync(join(options.dir, 'data', 'meta.properties'))) {
    const format = [
      '-cp',
      jars,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      CLUSTER_ID,
      '-c',
      properties,
    ];
    const done = spawnSync('java', format, { encoding: 'utf8', timeout: LISTEN_MS_MAX });
    if (done.status !== 0) {
      throw new EngineError(
        'kafka_format_failed',
        `Kafka's folder was not formatted: ${done.stderr || done.error?.message}`,
      );
    }
  }
  const log = options.log ?? join(options.dir, 'kafka.log');
  const heap = ['-Xmx512m', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
  const broker = startChild('java', [...heap, '-cp', jars, 'kafka.Kafka', properties], log);
  if (await becomes(() => accepts(options.port), broker, LISTEN_MS_MAX)) return broker;
  await broker.stop('SIGKILL', 1_000);
  throw new EngineError(
    'kafka_start_failed',
    `Kafka does not listen on port ${options.port}: see ${log}.`,
  );
}

function serverProperties(options: KafkaOptions): string {
  const { port, controllerPort } = options;
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(resolve(options.dir), 'data'),
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'controlled.shutdown.enable': false,
    // A broker that starts again waits until its last session has run out.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 500,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
