/**
 * Describes a deployment in one file: shards, processors, the edge, its limits, and the allowed
 * sources of webhooks. nginx's files, the hosts file and the local cluster are generated from it.
 *
 * A shard is identified by its number, which is never reused, and by the name made of it; its
 * address may change at any time. Only the name and `shardPort` enter the consistent hash.
 */
import { readFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import ipaddr from 'ipaddr.js';
import { PROVIDER_PATTERN } from '../../../engine/domain/payment.js';
import { newAjv } from '../../../engine/util/ajv.js';
import { EngineError } from '../../../engine/util/errors.js';

const SHARD_NUMBER_MAX = 4_095;
export const INNER_DOMAIN = 'tollgate.internal';

const whole = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });
const port = whole(1, 65_535);
const address = Type.String({ format: 'address' });
const network = Type.String({ format: 'network' });
const path = Type.String({ pattern: '^/[A-Za-z0-9._/-]{1,200}$' });
const closed = { additionalProperties: false } as const;

const Shard = Type.Object(
  {
    number: whole(0, SHARD_NUMBER_MAX),
    /** Where the nginx beside its engine listens. */
    address,
    gatewayThreads: whole(1, 64),
    /** Of its engine, on its host's loopback. */
    adminPort: port,
  },
  closed,
);
export type Shard = Static<typeof Shard>;

const Edge = Type.Object(
  {
    address,
    port,
    /** File with key and certificate that clients see; default: the role `edge`'s. */
    certificate: Type.Optional(path),
    /** Peers whose CF-Connecting-IP is believed. */
    realIpFrom: Type.Array(network),
    /**
     * Load balancers that speak the PROXY protocol in front of the edge. Then a peer of
     * theirs that is not in `realIpFrom` is refused.
     */
    proxyProtocolFrom: Type.Optional(Type.Array(network)),
    /** CA of the client certificate that Cloudflare shows (authenticated origin pulls). */
    originPullCa: Type.Optional(path),
  },
  closed,
);

const Limits = Type.Object(
  {
    /** Requests a second, with room for a burst of half a second. */
    perKey: whole(1, 1_000_000),
    perAddress: whole(1, 1_000_000),
    connectionsPerAddress: whole(1, 60_000),
    /** Connections of one worker, clients' and shards' together. */
    workerConnections: whole(64, 1_000_000),
    bodyKib: whole(1, 1_024),
    webhookBodyKib: whole(1, 1_024),
    headerSeconds: whole(1, 60),
    /** Between two reads of a body. */
    bodySeconds: whole(1, 60),
    connectMs: whole(10, 10_000),
    /** With `Prefer: wait`: more than the longest poll. */
    answerSeconds: whole(1, 120),
    /** Without it; a shard that is frozen is given up after this time. Default: 4. */
    promptSeconds: Type.Optional(whole(1, 120)),
  },
  closed,
);
export type Limits = Static<typeof Limits>;

export const Topology = Type.Object(
  {
    /** Sets of shard numbers that shared the ids, oldest first; the last is in force. */
    epochs: Type.Array(Type.Array(whole(0, SHARD_NUMBER_MAX), { minItems: 1 }), { minItems: 1 }),
    shards: Type.Array(Shard, { minItems: 1 }),
    shardPort: port,
    processors: Type.Array(Type.Object({ address, adminPort: port }, closed)),
    edge: Edge,
    limits: Limits,
    /** Addresses that may call a provider's webhooks. */
    providers: Type.Record(Type.String({ pattern: PROVIDER_PATTERN }), Type.Array(network), closed),
    /** Worker processes of each nginx. */
    workers: Type.Union([Type.Literal('auto'), whole(1, 256)]),
    /** The user that nginx's workers become where its master is root. */
    user: Type.Optional(Type.String({ pattern: '^[a-z_][a-z0-9_-]{0,31}$' })),
    paths: Type.Object({ pki: path, sockets: path, logs: path }, closed),
  },
  closed,
);
export type Topology = Static<typeof Topology>;

const ajv = newAjv({ allErrors: true });
ajv.addFormat('address', (text) => ipaddr.isValid(text));
ajv.addFormat('network', (text) => ipaddr.isValidCIDR(text));
const validate = ajv.compile<Topology>(Topology);

/** Throws EngineError `topology_invalid` with every problem. */
export function checkTopology(entry: unknown): Topology {
  const problems = validate(entry)
    ? relations(entry)
    : (validate.errors ?? []).map((error) => `${error.instancePath || '/'} ${error.message}`);
  if (problems.length > 0) throw new EngineError('topology_invalid', problems.join('; '));
  return entry as Topology;
}

export function readTopology(file: string): Topology {
  return checkTopology(JSON.parse(readFileSync(file, 'utf8')));
}

/** The shards that share the ids now, by number. */
export function currentShards(topology: Topology): Shard[] {
  const numbers = topology.epochs.at(-1)!;
  return topology.shards
    .filter((shard) => numbers.includes(shard.number))
    .sort((a, b) => a.number - b.number);
}

/** The name that stays when the address changes. */
export function shardName(number: number): string {
  return `shard-${number}.${INNER_DOMAIN}`;
}

/** The text of a shard in the consistent hash: what nginx's `server` line says. */
export function shardServer(topology: Topology, number: number): string {
  return `${shardName(number)}:${topology.shardPort}`;
}

/** Names to addresses, as /etc/hosts: the one place where the edge learns where a shard is. */
export function hostsFile(topology: Topology): string {
  return topology.shards.map((shard) => `${shard.address} ${shardName(shard.number)}\n`).join('');
}

/** @param thread one socket a gateway thread: several cannot listen on the same */
export function engineSocket(topology: Topology, shard: number, thread?: number): string {
  const base = `${topology.paths.sockets}/shard-${shard}.sock`;
  return thread === undefined ? base : `${base}.${thread}`;
}

function relations(entry: Topology): string[] {
  const numbers = entry.shards.map((shard) => shard.number);
  const addresses = currentShards(entry).map((shard) => shard.address);
  const unknown = entry.epochs.flat().filter((number) => !numbers.includes(number));
  return [
    ...(new Set(numbers).size === numbers.length ? [] : ['/shards a number is used twice']),
    ...(new Set(addresses).size === addresses.length ? [] : ['/shards an address is used twice']),
    ...unknown.map((number) => `/epochs shard ${number} is not described`),
  ];
}
