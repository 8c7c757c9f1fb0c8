/**
 * The plan of `make cluster`: what production runs, on one machine. Each shard is an engine on
 * unix sockets with an nginx beside it that ends mTLS, each on an address of loopback; the
 * edge's nginx is in front; Kafka and Postgres take certificates only.
 *
 * `topology.json` in the data folder is the truth about shards from one start to the next: ids
 * belong to the shards it names.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  adminTokensFile,
  type ClusterConfig,
  simulatorConfig,
} from '../../engine/config/config.js';
import { clusterPorts } from '../../engine/config/stack-ports.js';
import { EngineError } from '../../engine/util/errors.js';
import { nginxEdge } from '../deploy/nginx/edge.js';
import { nginxEngineHost } from '../deploy/nginx/engine-host.js';
import { EDGE_NAME, shardFileName } from '../deploy/nginx/files.js';
import { caFile, ensurePki } from '../deploy/pki/authority.js';
import { developmentShard, developmentTopology } from '../deploy/topology/development.js';
import {
  checkTopology,
  hostsFile,
  readTopology,
  type Topology,
} from '../deploy/topology/topology.js';
import { type ClusterPlaces, clusterPlaces } from './cluster-places.js';
import { engineSpec, processorSpec, simulatorSpec } from './cluster-products.js';
import { logFile, migrateExternal, serverSpecs } from './components.js';
import type { ClusterEndpoints } from './endpoints.js';
import { ensureMerchants, readCredentials } from './merchants.js';
import { startNginx } from './nginx.js';
import { postgresTlsUrl } from './postgres-tls.js';
import { claimsOf, type Pids, type PortClaim, type StackPlan } from './stack.js';
import type { ComponentSpec } from './supervisor.js';

const NGINX_STOP_MS_MAX = 2_000;
/** What the kernel takes as a socket's path, less the thread's number. */
const SOCKET_PATH_MAX = 100;

export function clusterPlan(config: ClusterConfig): StackPlan<ClusterEndpoints> {
  const places = clusterPlaces(config.home);
  const topology = topologyOf(config, places);
  const [engines, hosts] = shardGroups(config, places, topology) as [
    ComponentSpec[],
    ComponentSpec[],
  ];
  return {
    home: config.home,
    ports: portsOf(config, topology),
    prepare: () => {
      prepare(places, topology);
      return migrateExternal(config);
    },
    groups: [
      serverSpecs(config, places.data, places.pki),
      [
        simulatorSpec(config, places),
        ...engines,
        ...config.processorAdminPorts.map((port, i) => processorSpec(config, places, i, port)),
      ],
      [...hosts, edgeSpec(config, places)],
    ],
    endpointsOf: (pids) => endpointsOf(config, places, readTopology(places.topology), pids),
    more: () => shardGroups(config, places, readTopology(places.topology)),
  };
}

/** The engines of all shards that are described, also of one that owns no id yet, then their hosts. */
function shardGroups(
  config: ClusterConfig,
  places: ClusterPlaces,
  topology: Topology,
): ComponentSpec[][] {
  return [
    topology.shards.map((shard) => engineSpec(config, places, topology, shard)),
    topology.shards.map((shard) => hostSpec(config, places, shard.number)),
  ];
}

/** What was there at the last start keeps its shards; everything else follows the settings. */
function topologyOf(config: ClusterConfig, places: ClusterPlaces): Topology {
  const fresh = developmentTopology({
    shards: config.shards,
    adminPorts: config.adminPorts,
    edgePort: config.edgePort,
    shardPort: config.shardPort,
    processorAdminPorts: config.processorAdminPorts,
    pkiDir: places.pki,
    socketDir: join(places.data, 'sockets'),
    logDir: join(config.home, 'logs'),
  });
  if (!existsSync(places.topology)) return fresh;
  const { epochs, shards, shardPort } = readTopology(places.topology);
  if (shardPort === config.shardPort) {
    const placed = shards.map((shard) => developmentShard(shard.number, config.adminPorts));
    return checkTopology({ ...fresh, epochs, shards: placed });
  }
  throw new EngineError(
    'topology_changed',
    `${places.topology} has its shards on port ${shardPort}: with another one ids would move. Set TOLLGATE_SHARD_PORT as it was.`,
  );
}

function prepare(places: ClusterPlaces, topology: Topology): void {
  const { sockets, logs } = topology.paths;
  for (const dir of [places.data, sockets, logs]) mkdirSync(dir, { recursive: true });
  const longest = join(sockets, 'shard-4095.sock');
  if (longest.length > SOCKET_PATH_MAX)
    throw new EngineError('path_too_long', `${longest}: set a shorter TOLLGATE_HOME.`);
  ensurePki(places.pki);
  ensureMerchants(places.data);
  writeFileSync(places.topology, `${JSON.stringify(topology, null, 2)}\n`, { mode: 0o600 });
}

/** Read at every start of the process, so that a change of the file takes a restart or SIGHUP. */
function hostSpec(config: ClusterConfig, places: ClusterPlaces, number: number): ComponentSpec {
  const name = shardFileName(number);
  return nginxSpec(`host-${number}`, (onSpawned) => {
    const topology = readTopology(places.topology);
    const shard = topology.shards.find((entry) => entry.number === number);
    if (!shard) throw new EngineError('shard_unknown', `${places.topology} has no shard ${number}`);
    return startNginx({
      onSpawned,
      name,
      dir: places.nginx,
      config: nginxEngineHost(topology, shard),
      log: logFile(config, `${name}.nginx`),
      listens: { address: shard.address, port: topology.shardPort },
    });
  });
}

function edgeSpec(config: ClusterConfig, places: ClusterPlaces): ComponentSpec {
  return nginxSpec('edge', (onSpawned) => {
    const topology = readTopology(places.topology);
    return startNginx({
      onSpawned,
      name: EDGE_NAME,
      dir: places.nginx,
      config: nginxEdge(topology),
      hosts: hostsFile(topology),
      log: logFile(config, 'edge.nginx'),
      listens: topology.edge,
    });
  });
}

function nginxSpec(name: string, start: ComponentSpec['start']): ComponentSpec {
  return { name, start, stopSignal: 'SIGQUIT', stopMsMax: NGINX_STOP_MS_MAX };
}

function endpointsOf(
  config: ClusterConfig,
  places: ClusterPlaces,
  topology: Topology,
  pids: Pids,
): ClusterEndpoints {
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const list = (names: readonly string[]): number[] =>
    names.map((name) => pids[name]).filter((value) => value !== undefined);
  const numbers = topology.shards.map((shard) => shard.number);
  const one = (name: 'edge' | 'simulator' | 'kafka' | 'postgres') =>
    pids[name] === undefined ? {} : { [name]: pids[name] };
  return {
    api: `https://127.0.0.1:${config.edgePort}`,
    admin: topology.shards.map((shard) => url(shard.adminPort)),
    processorAdmin: config.processorAdminPorts.map(url),
    simulator: url(config.simulatorPort),
    postgres:
      config.externalDatabase || postgresTlsUrl(config.postgresPort, places.pki, 'processor'),
    kafka: config.externalKafka || `127.0.0.1:${config.kafkaPort}`,
    dataDir: places.data,
    adminTokenFile: adminTokensFile(config),
    pids: {
      engine: list(numbers.map((number) => `engine-${number}`)),
      processor: list(config.processorAdminPorts.map((_, i) => `processor-${i}`)),
      engineHost: list(numbers.map((number) => `host-${number}`)),
      ...one('edge'),
      ...one('simulator'),
      ...one('kafka'),
      ...one('postgres'),
    },
    webhookSecret: simulatorConfig().webhookSecret,
    ca: caFile(places.pki),
    pki: places.pki,
    topology: places.topology,
    ...readCredentials(places.data),
  };
}

function portsOf(config: ClusterConfig, topology: Topology): PortClaim[] {
  return [
    ...claimsOf({
      ...clusterPorts(config),
      TOLLGATE_ADMIN_PORTS: topology.shards.map((shard) => shard.adminPort),
    }),
    ...topology.shards.map(({ address }) => ({
      port: topology.shardPort,
      variable: 'TOLLGATE_SHARD_PORT',
      address,
    })),
  ];
}
