/** The cluster's engines, processors and simulator: which settings and identity each gets. */
import { join } from 'node:path';
import { type ClusterConfig, localProviders, simulatorConfig } from '../../engine/config/config.js';
import { caFile, clientTls } from '../deploy/pki/authority.js';
import type { Role } from '../deploy/pki/roles.js';
import { engineSocket, type Shard, type Topology } from '../deploy/topology/topology.js';
import type { ClusterPlaces } from './cluster-places.js';
import { productSpec } from './components.js';
import { keysFile } from './merchants.js';
import { postgresTlsUrl } from './postgres-tls.js';
import type { ComponentSpec } from './supervisor.js';

/** Partitions of `payments.status`: a shard that comes later finds its own there. */
export const SHARDS_EVER = 16;

const adminOf = (port: number): string => `http://127.0.0.1:${port}`;

export function engineSpec(
  config: ClusterConfig,
  places: ClusterPlaces,
  topology: Topology,
  shard: Shard,
): ComponentSpec {
  return productSpec({
    name: `engine-${shard.number}`,
    home: config.home,
    command: 'engine',
    adminUrl: adminOf(shard.adminPort),
    settings: {
      ...kafkaSettings(config, places, 'engine'),
      TOLLGATE_KEYS_FILE: keysFile(places.data),
      TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: simulatorConfig().webhookSecret,
      TOLLGATE_SHARD: `${shard.number}`,
      TOLLGATE_DATA_DIR: join(places.data, `shard-${shard.number}`),
      TOLLGATE_SOCKET: engineSocket(topology, shard.number),
      TOLLGATE_GATEWAY_THREADS: `${shard.gatewayThreads}`,
      TOLLGATE_ADMIN_PORT: `${shard.adminPort}`,
      ...peerSettings(places),
    },
  });
}

export function processorSpec(
  config: ClusterConfig,
  places: ClusterPlaces,
  index: number,
  adminPort: number,
): ComponentSpec {
  return productSpec({
    name: `processor-${index}`,
    home: config.home,
    command: 'processor',
    adminUrl: adminOf(adminPort),
    settings: {
      ...kafkaSettings(config, places, 'processor'),
      TOLLGATE_DATABASE_URL:
        config.externalDatabase || postgresTlsUrl(config.postgresPort, places.pki, 'processor'),
      TOLLGATE_SIMULATOR_URL: `http://127.0.0.1:${config.simulatorPort}`,
      TOLLGATE_PROCESSOR_ADMIN_PORT: `${adminPort}`,
    },
  });
}

/** Its webhooks come back through the edge, like any provider's. */
export function simulatorSpec(config: ClusterConfig, places: ClusterPlaces): ComponentSpec {
  return productSpec({
    name: 'simulator',
    home: config.home,
    command: 'simulator',
    adminUrl: adminOf(config.simulatorPort),
    settings: {
      TOLLGATE_SIMULATOR_DIR: join(places.data, 'simulator'),
      TOLLGATE_WEBHOOK_SECRET: simulatorConfig().webhookSecret,
      TOLLGATE_WEBHOOK_URL: `https://127.0.0.1:${config.edgePort}/webhooks/psp/simulator`,
      NODE_EXTRA_CA_CERTS: caFile(places.pki),
    },
  });
}

/** What an engine shows to the nginx beside another one. */
function peerSettings(places: ClusterPlaces): Record<string, string> {
  const { ca, cert, key } = clientTls(places.pki, 'engine');
  return { TOLLGATE_PEER_CA: ca, TOLLGATE_PEER_CERT: cert, TOLLGATE_PEER_KEY: key };
}

/** A Kafka of the user's own is spoken to as the user's own settings say. */
function kafkaSettings(
  config: ClusterConfig,
  places: ClusterPlaces,
  role: Role,
): Record<string, string> {
  const common = { TOLLGATE_SHARDS: `${SHARDS_EVER}`, TOLLGATE_PROVIDERS: localProviders() };
  if (config.externalKafka) return { ...common, TOLLGATE_KAFKA_BROKERS: config.externalKafka };
  const { ca, cert, key } = clientTls(places.pki, role);
  return {
    ...common,
    TOLLGATE_KAFKA_BROKERS: `127.0.0.1:${config.kafkaPort}`,
    TOLLGATE_KAFKA_CA: ca,
    TOLLGATE_KAFKA_CERT: cert,
    TOLLGATE_KAFKA_KEY: key,
  };
}
