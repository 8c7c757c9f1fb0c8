/**
 * One shard more in a cluster that runs on this machine: described in `topology.json`, started
 * by the supervisor, filled by the other engines, and only then hashed to by the edge.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminTokensFile, type ClusterConfig } from '../../engine/core/config.js';
import { EngineError } from '../../engine/core/errors.js';
import type { Topology as EngineTopology } from '../../engine/topology/topology.js';
import { adminHeaders } from '../admin-headers.js';
import { nginxEdge } from '../nginx/edge.js';
import { EDGE_NAME } from '../nginx/files.js';
import { growByOne } from '../shards/grow.js';
import { developmentShard } from '../topology/development.js';
import {
  checkTopology,
  hostsFile,
  readTopology,
  shardServer,
  type Topology,
} from '../topology/topology.js';
import { clusterPlaces } from './cluster.js';
import type { ClusterEndpoints } from './endpoints.js';
import { checkNginx, writeNginx } from './nginx.js';

const READY_MS_MAX = 60_000;
const POLL_MS = 100;

/**
 * @param asked the number that the new shard must have: a shard that is there already is not added
 *   again. Without it, each call adds one.
 * @returns how many rows were copied
 */
export async function growCluster(
  config: ClusterConfig,
  say: (line: string) => void,
  asked?: number,
): Promise<number> {
  const places = clusterPlaces(config.home);
  const supervisor = supervisorOf(config.home);
  const before = readTopology(places.topology);
  const number = nextShard(before, asked);
  checkAdminPorts(before, config.adminPorts);
  if (number === undefined) {
    // The call before may have been cut off just before the edge took it.
    reloadEdge(config, before);
    say(`shard ${asked} is there already; nothing was added`);
    return 0;
  }
  const begun = before.shards.find((it) => it.number === number);
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
      described.shards.map((it) => [it.number, `http://127.0.0.1:${it.adminPort}`]),
    ),
    headers: adminHeaders(adminTokensFile(config), 'admin'),
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

/**
 * A growth that was begun goes on before another one starts. Throws EngineError `shard_number`.
 * @returns undefined: the shard that is asked for has its ids
 */
export function nextShard(topology: Topology, asked?: number): number | undefined {
  const inForce = topology.epochs.at(-1)!;
  const begun = topology.shards.find((it) => !inForce.includes(it.number))?.number;
  if (asked !== undefined && inForce.includes(asked)) return undefined;
  const next = begun ?? Math.max(...topology.shards.map((it) => it.number)) + 1;
  if (asked === undefined || asked === next) return next;
  const why = begun === undefined ? 'the next shard' : 'a shard whose growth was cut off';
  throw new EngineError('shard_number', `${why} is ${next}, not ${asked}: --number ${next}`);
}

/** The supervisor placed the shards by its settings; with others the new one could take a foreign port. */
function checkAdminPorts(topology: Topology, adminPorts: readonly number[]): void {
  const placed = topology.shards.map((it) => it.adminPort);
  if (topology.shards.every((it) => adminPorts[it.number] === it.adminPort)) return;
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
      topology.shards.map((it) => [it.number, peerOf(topology, it.number)]),
    ),
  };
}

function allOf(topology: Topology): number[] {
  return topology.shards.map((it) => it.number);
}

function peerOf(topology: Topology, number: number): string {
  const { address } = topology.shards.find((it) => it.number === number)!;
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

function supervisorOf(home: string): number {
  try {
    return Number(readFileSync(join(home, 'up.pid'), 'utf8'));
  } catch (cause) {
    throw new EngineError('not_running', `no cluster runs in ${home}: \`make cluster\` first.`, {
      cause,
    });
  }
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
