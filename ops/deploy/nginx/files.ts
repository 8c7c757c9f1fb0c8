/** All files that a topology's nginx instances need, by name. Pure. */
import { currentShards, hostsFile, type Topology } from '../topology/topology.js';
import { nginxEdge } from './edge.js';
import { nginxEngineHost } from './engine-host.js';

export const EDGE_NAME = 'edge';

export function shardFileName(number: number): string {
  return `shard-${number}`;
}

/** `edge.conf`, `edge.hosts`, and `shard-N.conf` for the host of each shard. */
export function nginxFiles(topology: Topology): Readonly<Record<string, string>> {
  const shards = currentShards(topology).map((shard) => [
    `${shardFileName(shard.number)}.conf`,
    nginxEngineHost(topology, shard),
  ]);
  return {
    [`${EDGE_NAME}.conf`]: nginxEdge(topology),
    [`${EDGE_NAME}.hosts`]: hostsFile(topology),
    ...Object.fromEntries(shards),
  };
}
