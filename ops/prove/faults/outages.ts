/** The outages of `prove-signals`: how each begins and ends, and what must be said of it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { SmallVolume } from '../../testing/small-volume.js';
import type { LocalSystem } from '../../testing/system.js';

export interface Outage {
  readonly name: string;
  readonly begin: (system: LocalSystem) => Promise<void> | void;
  readonly end: (system: LocalSystem) => Promise<void> | void;
  /** `ready`, `no answer`, or what /readyz names. */
  readonly engine: string;
  readonly processor: string;
  /** Metrics that are 0. */
  readonly zero: readonly string[];
  readonly alerts: readonly string[];
  /** Parts that doctor finds not well; others may be named besides. */
  readonly doctor: readonly string[];
  /** Lines that the logs of engine and processor have got, each once per use and process. */
  readonly log: string | undefined;
  /** Checkouts are posted meanwhile. */
  readonly isFed: boolean;
}

const KAFKA = {
  engine: 'ready',
  processor: 'kafka',
  zero: ['cdc_connected', 'status_connected', 'kafka_connected'],
  alerts: ['EngineKafkaDisconnected', 'ProcessorKafkaLost'],
  doctor: ['kafka', 'engine', 'processor'],
  log: '"dependency":"kafka"',
  isFed: true,
};
const POSTGRES = {
  engine: 'ready',
  processor: 'postgres',
  zero: ['postgres_connected'],
  alerts: ['ProcessorPostgresLost'],
  doctor: ['processor'],
  log: '"dependency":"postgres"',
  isFed: true,
};
const PROCESS = { zero: [], log: undefined, isFed: false };

export const kafkaFrozen: Outage = {
  ...KAFKA,
  name: 'Kafka frozen',
  begin: (system) => void process.kill(system.kafka!.pid, 'SIGSTOP'),
  end: (system) => void process.kill(system.kafka!.pid, 'SIGCONT'),
};

const kafkaStopped: Outage = {
  ...KAFKA,
  name: 'Kafka stopped',
  begin: (system) => system.kafka!.stop('SIGKILL', 1_000),
  end: (system) => system.startKafkaAgain(),
};

/** Its log cannot be written: the broker ends by itself, or refuses what is produced. */
export function kafkaFull(volume: SmallVolume): Outage {
  return {
    ...KAFKA,
    name: 'Kafka full',
    begin: () => volume.fill(),
    async end(system) {
      volume.free();
      await system.kafka!.stop('SIGKILL', 1_000);
      await system.startKafkaAgain();
    },
    doctor: ['engine', 'processor'],
  };
}

const postgresFrozen: Outage = {
  ...POSTGRES,
  name: 'Postgres frozen',
  begin: (system) => signalPostgres(system, 'SIGSTOP'),
  end: (system) => signalPostgres(system, 'SIGCONT'),
  doctor: ['postgres', 'processor'],
};

const postgresStopped: Outage = {
  ...POSTGRES,
  name: 'Postgres stopped',
  begin: (system) => system.postgres!.stop('SIGKILL', 1_000),
  end: (system) => system.startPostgresAgain(),
  doctor: ['postgres', 'processor'],
};

const postgresReadOnly: Outage = {
  ...POSTGRES,
  name: 'Postgres read-only',
  begin: (system) =>
    run(system, ['alter system set default_transaction_read_only = on', 'select pg_reload_conf()']),
  end: (system) =>
    run(system, [
      'set default_transaction_read_only = off',
      'alter system reset default_transaction_read_only',
      'select pg_reload_conf()',
    ]),
  doctor: ['postgres', 'processor'],
};

export function postgresLocked(): Outage {
  let client: pg.Client | undefined;
  return {
    ...POSTGRES,
    name: 'Postgres locked',
    async begin(system) {
      client = new pg.Client(system.adminPostgres);
      await client.connect();
      await client.query('begin; lock table payments in access exclusive mode');
    },
    end: () => client!.end(),
    doctor: ['postgres', 'processor'],
  };
}

/** The payments lie on a small volume of their own, so that Postgres itself goes on. */
export function postgresFull(volume: SmallVolume): Outage {
  let isMoved = false;
  return {
    ...POSTGRES,
    name: 'Postgres full',
    async begin(system) {
      if (!isMoved) await movePayments(system, volume);
      isMoved = true;
      volume.fill();
    },
    end: () => volume.free(),
  };
}

const engineFrozen: Outage = {
  ...PROCESS,
  name: 'engine frozen',
  begin: (system) => void system.signal('engine', 'SIGSTOP'),
  end: (system) => void system.signal('engine', 'SIGCONT'),
  engine: 'no answer',
  processor: 'ready',
  alerts: ['EngineDown'],
  doctor: ['engine', 'API'],
};

const processorFrozen: Outage = {
  ...PROCESS,
  name: 'processor frozen',
  begin: (system) => void system.signal('processor', 'SIGSTOP'),
  end: (system) => void system.signal('processor', 'SIGCONT'),
  engine: 'ready',
  processor: 'no answer',
  alerts: ['ProcessorDown'],
  doctor: ['processor'],
};

const simulatorFrozen: Outage = {
  ...PROCESS,
  name: 'provider frozen',
  begin: (system) => void system.signal('simulator', 'SIGSTOP'),
  end: (system) => void system.signal('simulator', 'SIGCONT'),
  engine: 'ready',
  processor: 'ready',
  alerts: [],
  doctor: ['simulator'],
};

export function engineFull(volume: SmallVolume): Outage {
  return {
    ...PROCESS,
    name: 'engine full',
    begin: () => volume.fill(),
    end: () => volume.free(),
    engine: 'disk',
    processor: 'ready',
    alerts: ['DiskLow'],
    doctor: ['engine', 'disk'],
    log: 'the volume is full',
  };
}

export const OUTAGES: readonly Outage[] = [
  kafkaFrozen,
  kafkaStopped,
  postgresFrozen,
  postgresStopped,
  postgresReadOnly,
  postgresLocked(),
  engineFrozen,
  processorFrozen,
  simulatorFrozen,
];

/** The server and its backends. */
function signalPostgres(system: LocalSystem, signal: NodeJS.Signals): void {
  const { pid } = system.postgres!;
  const children = execFileSync('pgrep', ['-P', `${pid}`], { encoding: 'utf8' });
  for (const value of [pid, ...children.trim().split('\n').map(Number)]) {
    try {
      process.kill(value, signal);
    } catch {
      // A backend that has just ended.
    }
  }
}

async function run(system: LocalSystem, statements: readonly string[]): Promise<void> {
  const client = new pg.Client(system.adminPostgres);
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

async function movePayments(system: LocalSystem, volume: SmallVolume): Promise<void> {
  const folder = join(volume.dir, 'payments');
  mkdirSync(folder);
  const { uid, gid } = statSync(join(system.home, 'data', 'own-postgres', 'data'));
  chownSync(folder, uid, gid);
  chmodSync(folder, 0o700);
  await run(system, [
    `create tablespace small location '${folder}'`,
    'alter table payments set tablespace small',
    // Room inside its pages would take many payments.
    'vacuum full payments',
  ]);
}
