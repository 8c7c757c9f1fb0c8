/** The plan of `make run`: Kafka, Postgres, the simulator, one engine and one processor. */
import { join } from 'node:path';
import {
  adminTokensFile,
  childEnvironment,
  engineConfig,
  localProviders,
  type StackConfig,
  simulatorConfig,
} from '../../engine/config/config.js';
import { stackPorts } from '../../engine/config/stack-ports.js';
import { migrateExternal, productSpec, serverSpecs } from './components.js';
import type { Endpoints } from './endpoints.js';
import { postgresUrl } from './postgres-roles.js';
import { claimsOf, type Pids, type StackPlan } from './stack.js';
import type { ComponentSpec } from './supervisor.js';

export function singlePlan(config: StackConfig): StackPlan<Endpoints> {
  return {
    home: config.home,
    ports: claimsOf(stackPorts(config)),
    prepare: () => migrateExternal(config),
    groups: [serverSpecs(config, join(config.home, 'data')), productSpecs(config)],
    endpointsOf: (pids) => singleEndpoints(config, pids),
  };
}

/** Where everything listens by the settings. @param pids of what runs */
export function singleEndpoints(config: StackConfig, pids: Pids = {}): Endpoints {
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  return {
    api: url(config.apiPort),
    admin: url(config.adminPort),
    processorAdmin: url(config.processorAdminPort),
    simulator: url(config.simulatorPort),
    postgres:
      config.externalDatabase ||
      postgresUrl({ dir: join(config.home, 'data', 'postgres'), port: config.postgresPort }),
    kafka: config.externalKafka || `127.0.0.1:${config.kafkaPort}`,
    dataDir: engineConfig(childEnvironment({ TOLLGATE_HOME: config.home })).dataDir,
    adminTokenFile: adminTokensFile(config),
    pids,
    webhookSecret: simulatorConfig().webhookSecret,
  };
}

function productSpecs(config: StackConfig): ComponentSpec[] {
  const endpoints = singleEndpoints(config);
  const { home } = config;
  const settings = {
    TOLLGATE_PROVIDERS: localProviders(),
    TOLLGATE_KAFKA_BROKERS: endpoints.kafka,
    TOLLGATE_DATABASE_URL: endpoints.postgres,
    TOLLGATE_SIMULATOR_URL: config.simulatorUrl || endpoints.simulator,
    TOLLGATE_WEBHOOK_URL: config.webhookUrl || `${endpoints.api}/webhooks/psp/simulator`,
    TOLLGATE_WEBHOOK_SECRET: endpoints.webhookSecret,
    TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: config.webhookSecrets || endpoints.webhookSecret,
  };
  const product = (command: 'engine' | 'processor' | 'simulator', adminUrl: string) =>
    productSpec({ name: command, home, command, settings, adminUrl });
  return [
    product('simulator', endpoints.simulator),
    product('engine', endpoints.admin),
    product('processor', endpoints.processorAdmin),
  ];
}
