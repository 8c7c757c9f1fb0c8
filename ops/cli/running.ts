/**
 * Finds the system that a command works on: what runs in this home by its `endpoints.json`, else
 * what the settings say. An explicit setting or option overrides both.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminRole } from '../../engine/admin/admin-roles.js';
import {
  adminTokensFile,
  localProviders,
  type StackConfig,
  setDefaults,
  stackConfig,
} from '../../engine/config/config.js';
import { type AdminHeaders, adminHeaders } from '../client/admin-headers.js';
import { clientTls } from '../deploy/pki/authority.js';
import { SHARDS_EVER } from '../local/cluster-products.js';
import type { ClusterEndpoints, Endpoints } from '../local/endpoints.js';
import { singleEndpoints } from '../local/single.js';

export type AnyEndpoints = Endpoints | ClusterEndpoints;

/** What runs here, or where the settings say that it should. */
export function endpointsOf(stack: StackConfig): AnyEndpoints {
  return readEndpoints(stack.home) ?? singleEndpoints(stack);
}

export function clusterOf(endpoints: AnyEndpoints): ClusterEndpoints | undefined {
  return 'pki' in endpoints ? endpoints : undefined;
}

/** Points each unset address or port setting at the system that runs in this home. */
export function useRunning(): AnyEndpoints {
  const stack = stackConfig();
  const running = readEndpoints(stack.home);
  const endpoints = running ?? singleEndpoints(stack);
  const cluster = clusterOf(endpoints);
  const isOwnKafka = cluster?.pids.kafka !== undefined && !stack.externalKafka;
  const tls = isOwnKafka ? clientTls(cluster.pki, 'admin') : undefined;
  setDefaults({
    TOLLGATE_DATABASE_URL: endpoints.postgres,
    TOLLGATE_SIMULATOR_URL: endpoints.simulator,
    TOLLGATE_KAFKA_BROKERS: endpoints.kafka,
    TOLLGATE_KAFKA_CA: tls?.ca,
    TOLLGATE_KAFKA_CERT: tls?.cert,
    TOLLGATE_KAFKA_KEY: tls?.key,
    TOLLGATE_PROVIDERS: running && localProviders(),
    TOLLGATE_SHARDS: cluster && `${SHARDS_EVER}`,
  });
  return endpoints;
}

/** The admin of a processor; each sees the whole dead-letter queue. */
export function processorAdmins(): readonly string[] {
  const { processorAdmin } = endpointsOf(stackConfig());
  return typeof processorAdmin === 'string' ? [processorAdmin] : processorAdmin;
}

/** The token of a role for the admin ports of the system that runs here; none without a file of tokens. */
export function runningHeaders(role: AdminRole): AdminHeaders | undefined {
  const stack = stackConfig();
  const running = readEndpoints(stack.home)?.adminTokenFile;
  const file = stack.adminTokensFile || running || adminTokensFile(stack);
  return existsSync(file) ? adminHeaders(file, role) : undefined;
}

function readEndpoints(home: string): AnyEndpoints | undefined {
  try {
    return JSON.parse(readFileSync(join(home, 'endpoints.json'), 'utf8')) as AnyEndpoints;
  } catch {
    return undefined;
  }
}
