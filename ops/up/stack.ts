/**
 * The whole system on one machine: Kafka and Postgres (unless others are named), then the
 * simulator, one engine and one processor, each kept running.
 */
import { join } from 'node:path';
import {
  childEnvironment,
  engineConfig,
  STOP_WITH_PARENT,
  type StackConfig,
  simulatorConfig,
} from '../../engine/core/config.js';
import { EngineError } from '../../engine/core/errors.js';
import { packageFile } from '../../engine/core/paths.js';
import { accepts, becomes, type Running, startChild } from './child.js';
import {
  type ComponentName,
  type Endpoints,
  removeEndpoints,
  writeEndpoints,
} from './endpoints.js';
import { startKafka } from './kafka.js';
import { claimHome, releaseHome } from './leftovers.js';
import { postgresUrl, startPostgres } from './postgres.js';
import { Component, type ComponentEvents, type ComponentSpec } from './supervisor.js';

const READY_MS_MAX = 60_000;
const CLIENT_STOP_MS_MAX = 6_000;
const SERVER_STOP_MS_MAX = 4_000;

export interface Stack {
  readonly endpoints: Endpoints;
  /** Stops everything in order, within 15 s. */
  stop(): Promise<void>;
}

/** @param say one line of progress */
export async function startStack(config: StackConfig, say: (line: string) => void): Promise<Stack> {
  await claimHome(config.home);
  await checkPorts(config);
  const file = join(config.home, 'endpoints.json');
  const pids: Partial<Record<ComponentName, number>> = {};
  const endpoints = endpointsOf(config, pids);
  let isUp = false;
  const events: ComponentEvents = {
    onStarted(name, pid) {
      pids[name as ComponentName] = pid;
      if (isUp) say(`${name} is running again (pid ${pid})`);
      writeEndpoints(file, endpoints);
    },
    onDeath: (name, ms) => say(`${name} ended unasked; starting it again in ${ms} ms`),
    onFailedStart: (name, reason) => say(`${name} does not start: ${reason}`),
  };
  const servers = serverSpecs(config).map((it) => new Component(it, events));
  const clients = clientSpecs(config, endpoints).map((it) => new Component(it, events));
  const stop = async (): Promise<void> => {
    await Promise.all(clients.map((it) => it.stop()));
    await Promise.all(servers.map((it) => it.stop()));
    removeEndpoints(file);
    releaseHome(config.home);
  };
  try {
    await startAll(servers, say);
    await startAll(clients, say);
  } catch (error) {
    await stop();
    throw error;
  }
  isUp = true;
  return { endpoints, stop };
}

async function startAll(
  components: readonly Component[],
  say: (line: string) => void,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    components.map(async (it) => {
      const since = Date.now();
      await it.start();
      say(`${it.name} is ready (${((Date.now() - since) / 1_000).toFixed(1)} s)`);
    }),
  );
  for (const it of outcomes) if (it.status === 'rejected') throw it.reason;
}

function endpointsOf(config: StackConfig, pids: Endpoints['pids']): Endpoints {
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  return {
    api: url(config.apiPort),
    admin: url(config.adminPort),
    processorAdmin: url(config.processorAdminPort),
    simulator: url(config.simulatorPort),
    postgres: config.externalDatabase || postgresUrl(config.postgresPort),
    kafka: config.externalKafka || `127.0.0.1:${config.kafkaPort}`,
    dataDir: engineConfig(childEnvironment({ TOLLGATE_HOME: config.home })).dataDir,
    pids,
    webhookSecret: simulatorConfig().webhookSecret,
  };
}

function serverSpecs(config: StackConfig): ComponentSpec[] {
  const log = (name: string): string => join(config.home, 'logs', `${name}.log`);
  const kafka = (): Promise<Running> =>
    startKafka({
      jars: join(config.cacheDir, 'kafka'),
      dir: join(config.home, 'data', 'kafka'),
      port: config.kafkaPort,
      controllerPort: config.kafkaControllerPort,
      log: log('kafka'),
    });
  const postgres = (): Promise<Running> =>
    startPostgres({
      dir: join(config.home, 'data', 'postgres'),
      port: config.postgresPort,
      log: log('postgres'),
    });
  const stopMsMax = SERVER_STOP_MS_MAX;
  return [
    ...(config.externalKafka
      ? []
      : [{ name: 'kafka', start: kafka, stopSignal: 'SIGTERM' as const, stopMsMax }]),
    ...(config.externalDatabase
      ? []
      : [{ name: 'postgres', start: postgres, stopSignal: 'SIGINT' as const, stopMsMax }]),
  ];
}

function clientSpecs(config: StackConfig, endpoints: Endpoints): ComponentSpec[] {
  const env = childEnvironment({
    [STOP_WITH_PARENT]: 'on',
    TOLLGATE_HOME: config.home,
    TOLLGATE_KAFKA_BROKERS: endpoints.kafka,
    TOLLGATE_DATABASE_URL: endpoints.postgres,
    TOLLGATE_SIMULATOR_URL: endpoints.simulator,
    TOLLGATE_WEBHOOK_URL: config.webhookUrl || `${endpoints.api}/webhooks/psp/simulator`,
    TOLLGATE_WEBHOOK_SECRET: endpoints.webhookSecret,
    TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: config.webhookSecrets || endpoints.webhookSecret,
  });
  const client = (name: ComponentName, ready: string): ComponentSpec => ({
    name,
    stopSignal: 'SIGTERM',
    stopMsMax: CLIENT_STOP_MS_MAX,
    async start() {
      const log = join(config.home, 'logs', `${name}.log`);
      const args = [packageFile('ops/cli/tollgate.mjs'), name];
      const child = startChild(process.execPath, args, log, { env, stdio: 'pipe' });
      if (await becomes(() => answersOk(ready), child, READY_MS_MAX)) return child;
      await child.stop('SIGKILL', 1_000);
      throw new EngineError('start_failed', `${name} did not start: see ${log}.`);
    },
  });
  return [
    client('simulator', `${endpoints.simulator}/healthz`),
    client('engine', `${endpoints.admin}/readyz`),
    client('processor', `${endpoints.processorAdmin}/readyz`),
  ];
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

async function checkPorts(config: StackConfig): Promise<void> {
  const ports: [number, string][] = [
    [config.apiPort, 'TOLLGATE_API_PORT'],
    [config.adminPort, 'TOLLGATE_ADMIN_PORT'],
    [config.processorAdminPort, 'TOLLGATE_PROCESSOR_ADMIN_PORT'],
    [config.simulatorPort, 'TOLLGATE_SIMULATOR_PORT'],
  ];
  if (!config.externalKafka) {
    ports.push([config.kafkaPort, 'TOLLGATE_KAFKA_PORT']);
    ports.push([config.kafkaControllerPort, 'TOLLGATE_KAFKA_CONTROLLER_PORT']);
  }
  if (!config.externalDatabase) ports.push([config.postgresPort, 'TOLLGATE_POSTGRES_PORT']);
  const taken = (
    await Promise.all(
      ports.map(async ([port, name]) =>
        (await accepts(port)) ? `port ${port} is taken: set ${name}` : undefined,
      ),
    )
  ).filter((it) => it !== undefined);
  if (taken.length > 0) throw new EngineError('port_taken', taken.join('; '));
}
