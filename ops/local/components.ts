/** The processes that every plan consists of: Kafka, Postgres, and the command line's own. */
import { join } from 'node:path';
import {
  childEnvironment,
  STOP_WITH_PARENT,
  type StackConfig,
} from '../../engine/config/config.js';
import { EngineError } from '../../engine/util/errors.js';
import { packageFile } from '../../engine/util/paths.js';
import { migrateAsOwner } from '../../workers/postgres/migrate.js';
import { becomes, startChild } from './child.js';
import { startKafka } from './kafka.js';
import { logEnd, startProblem } from './log-tail.js';
import { startPostgres } from './postgres.js';
import type { ComponentSpec } from './supervisor.js';

const ALIVE_MS_MAX = 60_000;
const READY_MS_MAX = 60_000;
const CLIENT_STOP_MS_MAX = 6_000;
const SERVER_STOP_MS_MAX = 4_000;

export type ServerConfig = Pick<
  StackConfig,
  | 'home'
  | 'cacheDir'
  | 'kafkaPort'
  | 'kafkaControllerPort'
  | 'postgresPort'
  | 'externalKafka'
  | 'externalDatabase'
>;

export function logFile(config: { readonly home: string }, name: string): string {
  return join(config.home, 'logs', `${name}.log`);
}

/**
 * Kafka and Postgres, unless others are named.
 * @param pki folder of certificates; then both speak mTLS only
 */
export function serverSpecs(config: ServerConfig, dataDir: string, pki?: string): ComponentSpec[] {
  const tls = pki === undefined ? {} : { pki };
  const kafka: ComponentSpec = {
    name: 'kafka',
    stopSignal: 'SIGTERM',
    stopMsMax: SERVER_STOP_MS_MAX,
    start: (onSpawned) =>
      startKafka({
        onSpawned,
        jars: join(config.cacheDir, 'kafka'),
        dir: join(dataDir, 'kafka'),
        port: config.kafkaPort,
        controllerPort: config.kafkaControllerPort,
        log: logFile(config, 'kafka'),
        ...tls,
      }),
  };
  const postgres: ComponentSpec = {
    name: 'postgres',
    stopSignal: 'SIGINT',
    stopMsMax: SERVER_STOP_MS_MAX,
    async start(onSpawned) {
      const server = await startPostgres({
        onSpawned,
        dir: join(dataDir, 'postgres'),
        port: config.postgresPort,
        log: logFile(config, 'postgres'),
        ...tls,
      });
      await migrateAsOwner(server);
      return server;
    },
  };
  return [...(config.externalKafka ? [] : [kafka]), ...(config.externalDatabase ? [] : [postgres])];
}

/** The tables of a database that is not started here, where its owner is known. */
export async function migrateExternal({
  externalDatabase: url,
  ownerUrl,
}: Pick<StackConfig, 'externalDatabase' | 'ownerUrl'>): Promise<void> {
  if (url && ownerUrl) await migrateAsOwner({ url, ownerUrl });
}

export interface ProductOptions {
  readonly name: string;
  readonly home: string;
  /** Of the command line. */
  readonly command: 'engine' | 'processor' | 'simulator';
  readonly settings: Readonly<Record<string, string>>;
  /** Where its admin server answers /healthz and /readyz. */
  readonly adminUrl: string;
}

/**
 * One process of ours. `/healthz` alone decides about restarts: a process that lives and is not
 * ready, as an engine on a full disk, still reads, publishes and says why.
 */
export function productSpec(options: ProductOptions): ComponentSpec {
  const { name, home, command, settings, adminUrl } = options;
  const env = childEnvironment({
    [STOP_WITH_PARENT]: 'on',
    TOLLGATE_HOME: home,
    ...settings,
    // A process that works with the tables does not get the URL of their owner.
    TOLLGATE_DATABASE_OWNER_URL: undefined,
  });
  return {
    name,
    stopSignal: 'SIGTERM',
    stopMsMax: CLIENT_STOP_MS_MAX,
    async start(onSpawned) {
      const log = logFile(options, name);
      const from = logEnd(log);
      const args = [packageFile('ops/cli/tollgate.mjs'), command];
      const isPatient = command !== 'engine';
      const piped = { env, stdio: 'pipe', isPatient, onSpawned } as const;
      const child = startChild(process.execPath, args, log, piped);
      if (await becomes(() => answersOk(`${adminUrl}/healthz`), child, ALIVE_MS_MAX)) return child;
      await child.stop('SIGKILL', 1_000);
      throw new EngineError('start_failed', startProblem(`${name} did not start`, log, from));
    },
    async readiness(child) {
      const readyUrl = `${adminUrl}/readyz`;
      if (await becomes(() => answersOk(readyUrl), child, READY_MS_MAX)) return undefined;
      return `${readyUrl} says ${await answerOf(readyUrl)}`;
    },
  };
}

async function answerOf(url: string): Promise<string> {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text();
  } catch {
    return 'nothing';
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
