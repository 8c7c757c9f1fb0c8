/**
 * Adds one shard to a running local cluster: describes it in `topology.json`, starts it, copies
 * rows from the other engines, and only then adds it to the edge's hash.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminTokensFile, type ClusterConfig } from '../../engine/config/config.js';
import type { Topology as EngineTopology } from '../../engine/shards/topology.js';
import { EngineError } from '../../engine/util/errors.js';
import { type AdminHeaders, adminHeaders } from '../client/admin-headers.js';
import { nginxEdge } from '../deploy/nginx/edge.js';
import { EDGE_NAME } from '../deploy/nginx/files.js';
import { developmentShard } from '../deploy/topology/development.js';
import {
  checkTopology,
  hostsFile,
  readTopology,
  shardServer,
  type Topology,
} from '../deploy/topology/topology.js';
import { clusterPlaces } from './cluster-places.js';
import type { ClusterEndpoints } from './endpoints.js';
import { copyWhole, growByOne } from './grow.js';
import { checkNginx, writeNginx } from './nginx.js';
import { supervisorOf } from './orphans.js';

const READY_MS_MAX = 60_000;
const POLL_MS = 100;

/**
 * @param asked the number that the new shard must have: a shard that is there already is not added
 *   again
 * @returns how many rows were copied
 */
export async function growCluster(
  config: ClusterConfig,
  say: (line: string) => void,
  asked?: number,
): Promise<number> {
  const places = clusterPlaces(config.home);
  const supervisor = runningSupervisor(config.home);
  const before = readTopology(places.topology);
  const number = nextShard(before, asked);
  const headers = adminHeaders(adminTokensFile(config), 'admin');
  checkAdminPorts(before, config.adminPorts);
  if (number === undefined) {
    // The call before may have been cut off just before the edge took it.
    reloadEdge(config, before);
    say(`shard ${asked} is there already; nothing was added`);
    await finishCopy(before, asked!, headers, say);
    return 0;
  }
  const begun = before.shards.find((entry) => entry.number === number);
  const shard = begun ?? developmentShard(number, config.adminPorts);
  const described = begun
    ? before
    : checkTopology({ ...before, shards: [...before.shards, shard] });
  save(places.topology, described);
  process.kill(supervisor, 'SIGUSR2');
  await untilReady(shard.adminPort);
  say(`shard ${number} is ready`);
  const { copied } = await growByOne({
    current: engineTopology(described),
    admins: Object.fromEntries(
      described.shards.map((entry) => [entry.number, `http://127.0.0.1:${entry.adminPort}`]),
    ),
    headers,
    shard: { number, name: shardServer(described, number), peer: peerOf(described, number) },
    async switchEdge() {
      const grown = { ...described, epochs: [...described.epochs, allOf(described)] };
      save(places.topology, checkTopology(grown));
      reloadEdge(config, grown);
    },
    say,
  });
  return copied;
}

/** The last step of a growth, for a shard that was not among the first. */
async function finishCopy(
  { epochs, shards }: Topology,
  number: number,
  headers: AdminHeaders,
  say: (line: string) => void,
): Promise<void> {
  const earlier = epochs.findLast((epoch) => !epoch.includes(number));
  const shard = shards.find((entry) => entry.number === number);
  if (!earlier || !shard) return;
  await copyWhole({ admin: `http://127.0.0.1:${shard.adminPort}`, headers, say }, earlier);
}

/**
 * A growth that was begun goes on before another one starts. Without a number the cluster grows
 * once only: run again, the same command adds nothing. Throws EngineError `shard_number`.
 * @returns undefined: the shard that is asked for has its ids
 */
export function nextShard(topology: Topology, asked?: number): number | undefined {
  const inForce = topology.epochs.at(-1)!;
  const begun = topology.shards.find((shard) => !inForce.includes(shard.number))?.number;
  if (asked !== undefined && inForce.includes(asked)) return undefined;
  const next = begun ?? Math.max(...topology.shards.map((shard) => shard.number)) + 1;
  if (asked === undefined && begun === undefined && topology.epochs.length > 1)
    throw new EngineError(
      'shard_number',
      `the cluster has grown before, to ${inForce.length} shards, and shards are never taken away: --number ${next} adds one more`,
    );
  if (asked === undefined || asked === next) return next;
  const why = begun === undefined ? 'the next shard' : 'a shard whose growth was cut off';
  throw new EngineError('shard_number', `${why} is ${next}, not ${asked}: --number ${next}`);
}

/** The supervisor placed the shards by its settings; with others the new one could take a foreign port. */
function checkAdminPorts(topology: Topology, adminPorts: readonly number[]): void {
  const placed = topology.shards.map((shard) => shard.adminPort);
  if (topology.shards.every((shard) => adminPorts[shard.number] === shard.adminPort)) return;
  throw new EngineError(
    'ports_differ',
    `the cluster runs with TOLLGATE_ADMIN_PORTS that begin with ${placed.join(',')}: set them as they were`,
  );
}

/** What engines must know of a deployment: every epoch in it is in force. */
export function engineTopology(topology: Topology): EngineTopology {
  const named = (number: number) => ({ number, name: shardServer(topology, number) });
  return {
    epochs: topology.epochs.map((numbers, i) => ({
      number: i + 1,
      state: 'active',
      shards: numbers.map(named),
    })),
    peers: Object.fromEntries(
      topology.shards.map((shard) => [shard.number, peerOf(topology, shard.number)]),
    ),
  };
}

function allOf(topology: Topology): number[] {
  return topology.shards.map((shard) => shard.number);
}

function peerOf(topology: Topology, number: number): string {
  const { address } = topology.shards.find((shard) => shard.number === number)!;
  return `https://${address.includes(':') ? `[${address}]` : address}:${topology.shardPort}`;
}

function reloadEdge(config: ClusterConfig, topology: Topology): void {
  const endpoints = JSON.parse(
    readFileSync(join(config.home, 'endpoints.json'), 'utf8'),
  ) as ClusterEndpoints;
  const options = {
    name: EDGE_NAME,
    dir: clusterPlaces(config.home).nginx,
    config: nginxEdge(topology),
    hosts: hostsFile(topology),
  };
  writeNginx(options);
  checkNginx(options);
  process.kill(endpoints.pids.edge!, 'SIGHUP');
}

function runningSupervisor(home: string): number {
  const pid = supervisorOf(home);
  if (pid !== undefined) return pid;
  throw new EngineError('not_running', `no cluster runs in ${home}: \`make cluster\` first.`);
}

function save(path: string, topology: Topology): void {
  writeFileSync(path, `${JSON.stringify(topology, null, 2)}\n`, { mode: 0o600 });
}

async function untilReady(adminPort: number): Promise<void> {
  const giveUpAt = Date.now() + READY_MS_MAX;
  const url = `http://127.0.0.1:${adminPort}/readyz`;
  while ((await fetch(url).catch(() => undefined))?.ok !== true) {
    if (Date.now() > giveUpAt)
      throw new EngineError('start_failed', `the new shard does not get ready: see its log.`);
    await sleep(POLL_MS);
  }
}
