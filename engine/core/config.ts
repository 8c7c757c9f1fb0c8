/**
 * Every setting of every process, and the only file that reads the environment.
 * A setting that two processes share stands once, in `shared`.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import {
  choice,
  type Environment,
  flag,
  integer,
  port,
  powerOfTwo,
  readSettings,
  type SettingsOf,
  text,
} from './settings.js';

const cores = availableParallelism();
/** Kafka keeps what the store keeps, or a recovery from it would have holes. */
export const TOPIC_RETENTION_MS = 28 * 86_400_000;

const shared = {
  home: text('TOLLGATE_HOME', '.run', 'folder of endpoints.json, data and logs'),
  kafkaBrokers: text(
    'TOLLGATE_KAFKA_BROKERS',
    '127.0.0.1:19092',
    'Kafka bootstrap, host:port list',
  ),
  partitions: integer(
    'TOLLGATE_PARTITIONS',
    64,
    1,
    4096,
    'partitions of accepted, webhooks, retries',
  ),
  shards: integer(
    'TOLLGATE_SHARDS',
    1,
    1,
    4096,
    'partitions of payments.status: shard numbers ever used',
  ),
  replication: integer('TOLLGATE_REPLICATION', 1, 1, 7, 'replication factor of new topics'),
  logLevel: choice(
    'TOLLGATE_LOG_LEVEL',
    'info',
    ['trace', 'debug', 'info', 'warn', 'error'],
    'least severe log line written',
  ),
} as const;

export const engineTable = {
  ...shared,
  shard: integer('TOLLGATE_SHARD', 0, 0, 4095, 'number of this shard, never reused'),
  dataDir: text('TOLLGATE_DATA_DIR', '', 'volume of this shard (default HOME/data/shard-N)'),
  markFile: text(
    'TOLLGATE_MARK_FILE',
    '',
    'acknowledged mark, best on another volume (default DATA_DIR/acknowledged.json)',
  ),
  host: text('TOLLGATE_HOST', '127.0.0.1', 'address of the public API'),
  apiPort: port('TOLLGATE_API_PORT', 8080, 'public API'),
  adminPort: port('TOLLGATE_ADMIN_PORT', 8081, 'engine admin, loopback only'),
  gatewayThreads: integer(
    'TOLLGATE_GATEWAY_THREADS',
    Math.max(1, cores >> 2),
    1,
    64,
    'HTTP threads',
  ),
  writerThreads: integer('TOLLGATE_WRITER_THREADS', cores >= 8 ? 2 : 1, 1, 16, 'journal threads'),
  laneSlots: powerOfTwo('TOLLGATE_LANE_SLOTS', 8192, 256, 1 << 20, 'slots of 256 bytes a lane'),
  batchMax: integer('TOLLGATE_BATCH_MAX', 512, 1, 8192, 'messages in one synced write'),
  waitStrategy: choice('TOLLGATE_WAIT_STRATEGY', 'park', ['park', 'spin'], 'how idle writers wait'),
  waitersMax: integer(
    'TOLLGATE_WAITERS_MAX',
    10_000,
    0,
    1_000_000,
    'long polls a gateway thread holds',
  ),
  cdc: choice('TOLLGATE_CDC', 'on', ['on', 'off'], 'off: nothing is read from the write-ahead log'),
  kafkaMessageTimeoutMs: integer(
    'TOLLGATE_KAFKA_MESSAGE_TIMEOUT_MS',
    0,
    0,
    86_400_000,
    'producer gives a record up after (0: never) and starts again from the checkpoint',
  ),
  markIntervalMs: integer(
    'TOLLGATE_MARK_INTERVAL_MS',
    1_000,
    10,
    60_000,
    'how often the acknowledged mark is synced: the blind spot of the damage check',
  ),
  checkpointIntervalMs: integer(
    'TOLLGATE_CHECKPOINT_INTERVAL_MS',
    1_000,
    10,
    60_000,
    'how often the CDC position is synced',
  ),
  sweepAfterMs: integer(
    'TOLLGATE_SWEEP_AFTER_MS',
    600_000,
    1_000,
    86_400_000,
    'an accepted row without a status for this long is published again',
  ),
  retentionMs: integer(
    'TOLLGATE_RETENTION_MS',
    7 * 86_400_000,
    86_400_000,
    TOPIC_RETENTION_MS,
    'terminal payments stay in the store this long: at least the 24 h of replays, at most what Kafka keeps',
  ),
  diskFreeMinMb: integer(
    'TOLLGATE_DISK_FREE_MIN_MB',
    512,
    0,
    1_000_000,
    'below this much free space checkouts get 503',
  ),
  memtableMb: integer('TOLLGATE_MEMTABLE_MB', 128, 8, 1_000, 'RocksDB memory budget of checkouts'),
  acceptLoss: flag(
    'TOLLGATE_ACCEPT_LOSS',
    false,
    'start although acknowledged data was lost; publish again what has no terminal status',
  ),
} as const;

export const processorTable = {
  ...shared,
  databaseUrl: text(
    'TOLLGATE_DATABASE_URL',
    'postgres://tollgate:tollgate@127.0.0.1:15432/tollgate',
    'Postgres',
  ),
  adminPort: port('TOLLGATE_PROCESSOR_ADMIN_PORT', 8082, 'processor admin, loopback only'),
  simulatorUrl: text('TOLLGATE_SIMULATOR_URL', 'http://127.0.0.1:8090', 'the simulator provider'),
  workerThreads: integer(
    'TOLLGATE_PROCESSOR_THREADS',
    Math.max(1, cores >> 1),
    1,
    64,
    'piscina worker threads',
  ),
  inFlightMax: integer(
    'TOLLGATE_IN_FLIGHT_MAX',
    2_000,
    1,
    100_000,
    'records being processed at once',
  ),
  pspTimeoutMs: integer('TOLLGATE_PSP_TIMEOUT_MS', 10_000, 100, 120_000, 'whole PSP call'),
  askAfterMs: integer(
    'TOLLGATE_ASK_AFTER_MS',
    2_000,
    100,
    3_600_000,
    'first wait before an unknown outcome is asked about again; doubles',
  ),
  deadlineMs: integer(
    'TOLLGATE_DEADLINE_MS',
    86_400_000,
    1_000,
    2_592_000_000,
    'a checkout not sent to a provider within this becomes failed/expired',
  ),
} as const;

export const simulatorTable = {
  home: shared.home,
  logLevel: shared.logLevel,
  port: port('TOLLGATE_SIMULATOR_PORT', 8090, 'PSP simulator'),
  simulatorDir: text('TOLLGATE_SIMULATOR_DIR', '', 'ledger folder (default HOME/data/simulator)'),
  webhookUrl: text(
    'TOLLGATE_WEBHOOK_URL',
    'http://127.0.0.1:8080/webhooks/psp/simulator',
    'where webhooks are sent',
  ),
  webhookSecret: text('TOLLGATE_WEBHOOK_SECRET', 'whsec_development_only', 'signs webhooks'),
} as const;

export const stackTable = {
  home: shared.home,
  logLevel: shared.logLevel,
  apiPort: engineTable.apiPort,
  adminPort: engineTable.adminPort,
  processorAdminPort: processorTable.adminPort,
  simulatorPort: simulatorTable.port,
  kafkaPort: port('TOLLGATE_KAFKA_PORT', 19092, 'local Kafka'),
  kafkaControllerPort: port('TOLLGATE_KAFKA_CONTROLLER_PORT', 19093, 'local Kafka controller'),
  postgresPort: port('TOLLGATE_POSTGRES_PORT', 15432, 'local Postgres'),
  externalKafka: text('TOLLGATE_KAFKA_BROKERS', '', 'use these brokers and start none'),
  externalDatabase: text('TOLLGATE_DATABASE_URL', '', 'use this database and start none'),
  cacheDir: text('TOLLGATE_CACHE', '.cache', 'Kafka jars and other downloads'),
} as const;

export type EngineConfig = SettingsOf<typeof engineTable>;
export type ProcessorConfig = SettingsOf<typeof processorTable>;
export type SimulatorConfig = SettingsOf<typeof simulatorTable>;
export type StackConfig = SettingsOf<typeof stackTable>;

export function engineConfig(environment: Environment = process.env): EngineConfig {
  const settings = readSettings(engineTable, environment, (it) => [
    ...(it.shard < it.shards
      ? []
      : [`TOLLGATE_SHARD: ${it.shard} is not below TOLLGATE_SHARDS (${it.shards})`]),
    ...(isLoopback(it.host)
      ? []
      : ['TOLLGATE_HOST: without API keys only a loopback address is allowed']),
    ...(it.apiPort === it.adminPort
      ? ['TOLLGATE_API_PORT and TOLLGATE_ADMIN_PORT are the same']
      : []),
  ]);
  const dataDir = resolve(settings.dataDir || `${settings.home}/data/shard-${settings.shard}`);
  const markFile = resolve(settings.markFile || `${dataDir}/acknowledged.json`);
  return { ...settings, dataDir, markFile };
}

export function processorConfig(environment: Environment = process.env): ProcessorConfig {
  return readSettings(processorTable, environment);
}

export function simulatorConfig(environment: Environment = process.env): SimulatorConfig {
  const settings = readSettings(simulatorTable, environment);
  return {
    ...settings,
    simulatorDir: resolve(settings.simulatorDir || `${settings.home}/data/simulator`),
  };
}

export function stackConfig(environment: Environment = process.env): StackConfig {
  const settings = readSettings(stackTable, environment, (it) => duplicatePorts(it));
  return { ...settings, home: resolve(settings.home), cacheDir: resolve(settings.cacheDir) };
}

/** Set by a supervisor whose children end with it: their standard input closes. */
export const STOP_WITH_PARENT = 'TOLLGATE_STOP_WITH_PARENT';

export function stopsWithParent(environment: Environment = process.env): boolean {
  return environment[STOP_WITH_PARENT] === 'on';
}

/** The environment handed to a child process: ours, with `overrides` on top. */
export function childEnvironment(overrides: Environment): Environment {
  return { ...process.env, ...overrides };
}

function isLoopback(host: string): boolean {
  return host === '127.0.0.1' || host === '::1' || host === 'localhost';
}

function duplicatePorts(settings: SettingsOf<typeof stackTable>): string[] {
  const ports = [
    settings.apiPort,
    settings.adminPort,
    settings.processorAdminPort,
    settings.simulatorPort,
    settings.kafkaPort,
    settings.kafkaControllerPort,
    settings.postgresPort,
  ];
  return new Set(ports).size === ports.length
    ? []
    : [`two ports are the same: ${ports.join(', ')}`];
}
