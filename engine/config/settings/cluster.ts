/** Settings of the cluster on one machine: two shards and two processors behind nginx. */
import { integer, port, ports } from '../settings.js';
import { stackTable } from './stack.js';

const { home, logLevel, simulatorPort, kafkaPort, kafkaControllerPort, postgresPort } = stackTable;
const { externalKafka, externalDatabase, ownerUrl, cacheDir, adminTokensFile } = stackTable;

export const clusterTable = {
  home,
  logLevel,
  adminTokensFile,
  simulatorPort,
  kafkaPort,
  kafkaControllerPort,
  postgresPort,
  externalKafka,
  externalDatabase,
  ownerUrl,
  cacheDir,
  edgePort: port('TOLLGATE_EDGE_PORT', 8443, 'HTTPS of the edge'),
  shardPort: port(
    'TOLLGATE_SHARD_PORT',
    9443,
    'every shard host’s mTLS port; a part of the hash that picks the shard',
  ),
  shards: integer('TOLLGATE_CLUSTER_SHARDS', 2, 1, 64, 'shards of a new cluster'),
  adminPorts: ports(
    'TOLLGATE_ADMIN_PORTS',
    [8081, 8083, 8085, 8087],
    'admin of each engine, by shard number; as many as the cluster may grow to',
  ),
  processorAdminPorts: ports(
    'TOLLGATE_PROCESSOR_ADMIN_PORTS',
    [8082, 8084],
    'admin of each processor: one a processor',
  ),
} as const;
