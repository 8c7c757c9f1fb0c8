/** A real Apache Kafka (KRaft, one node) on loopback, as a child process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { EngineError } from '../../engine/core/errors.js';

const CLUSTER_ID = 'dG9sbGdhdGUtbG9jYWwtMQ';
const LISTEN_MS_MAX = 60_000;
const POLL_MS = 100;
const STOP_MS_MAX = 10_000;

export interface KafkaOptions {
  /** Where `make setup` put the jars. */
  readonly jars: string;
  readonly dir: string;
  readonly port: number;
  readonly controllerPort: number;
}

export interface LocalKafka {
  readonly pid: number;
  /** Stops it and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
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
  const log = openSync(join(options.dir, 'kafka.log'), 'a');
  const heap = ['-Xmx512m', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
  const child = spawn('java', [...heap, '-cp', jars, 'kafka.Kafka', properties], {
    stdio: ['ignore', log, log],
  });
  await listening(child, options.port);
  return { pid: child.pid!, stop: (signal = 'SIGTERM') => stop(child, signal) };
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
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  const giveUpAt = Date.now() + LISTEN_MS_MAX;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      child.kill('SIGKILL');
      throw new EngineError(
        'kafka_start_failed',
        `Kafka does not listen on port ${port}: see kafka.log in its folder.`,
      );
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const answer = (isOpen: boolean): void => {
      socket.destroy();
      done(isOpen);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}
