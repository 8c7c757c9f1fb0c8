/**
 * Checks all settings of a system on one machine before anything starts, so that a typo is
 * reported on the terminal and not only in a process' log.
 */
import {
  childEnvironment,
  clusterConfig,
  engineConfig,
  localProviders,
  processorConfig,
  simulatorConfig,
  stackConfig,
} from '../../engine/config/config.js';
import { reconcileTable } from '../../engine/config/settings/reconcile.js';
import { ConfigurationError, type Environment } from '../../engine/config/settings.js';
import { feesOf } from '../../workers/reconcile/fees.js';
import { SHARDS_EVER } from './cluster-products.js';

const { env, fallback } = reconcileTable.providerFees;

/** What the supervisor sets for every engine of a cluster, as far as relations look at it. */
const CLUSTER_ENGINE: Environment = {
  TOLLGATE_SHARD: '0',
  TOLLGATE_SHARDS: `${SHARDS_EVER}`,
  TOLLGATE_KEYS_FILE: 'keys.json',
  TOLLGATE_SOCKET: 'engine.sock',
  TOLLGATE_API_PORT: '1',
  TOLLGATE_ADMIN_PORT: '2',
};

/** Throws ConfigurationError with every problem, each once. */
export function checkSettings(isCluster: boolean, environment = childEnvironment({})): void {
  let providers = '';
  const problems = [
    ...problemsOf(() => {
      providers = localProviders(environment);
    }),
    ...problemsOf(() => (isCluster ? clusterConfig(environment) : stackConfig(environment))),
  ];
  const ours = { ...environment, TOLLGATE_PROVIDERS: providers };
  problems.push(
    ...problemsOf(() => engineConfig({ ...ours, ...(isCluster ? CLUSTER_ENGINE : {}) })),
    ...problemsOf(() => processorConfig(ours)),
    ...problemsOf(() => feesOf(environment[env] || fallback)),
    ...problemsOf(() => simulatorConfig(environment)),
  );
  if (problems.length > 0) throw new ConfigurationError([...new Set(problems)]);
}

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}
