/**
 * The cluster on one machine: every shard's host is an address of loopback, so that all have
 * the same port as in production. Its names are resolved from a hosts file of its own.
 */
import { readFileSync } from 'node:fs';
import { EngineError } from '../../../engine/util/errors.js';
import { packageFile } from '../../../engine/util/paths.js';
import { checkTopology, type Limits, type Shard, type Topology } from './topology.js';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

export interface DevelopmentOptions {
  readonly shards: number;
  /** By shard number. */
  readonly adminPorts: readonly number[];
  readonly edgePort: number;
  readonly shardPort: number;
  readonly processorAdminPorts: readonly number[];
  readonly pkiDir: string;
  readonly socketDir: string;
  readonly logDir: string;
}

/** More than one machine with two cores carries; a deployment states its own. */
export const DEVELOPMENT_LIMITS: Limits = {
  perKey: 20_000,
  perAddress: 40_000,
  connectionsPerAddress: 1_000,
  workerConnections: 8_192,
  bodyKib: 16,
  webhookBodyKib: 256,
  headerSeconds: 5,
  bodySeconds: 5,
  // With the TLS handshake; two cores that do everything may need more than a moment for it.
  connectMs: 2_000,
  answerSeconds: 40,
};

export function developmentTopology(options: DevelopmentOptions): Topology {
  const numbers = Array.from({ length: options.shards }, (_, number) => number);
  return checkTopology({
    epochs: [numbers],
    shards: numbers.map((number) => developmentShard(number, options.adminPorts)),
    shardPort: options.shardPort,
    processors: options.processorAdminPorts.map((adminPort) => ({
      address: '127.0.0.1',
      adminPort,
    })),
    edge: { address: '127.0.0.1', port: options.edgePort, realIpFrom: cloudflareNetworks() },
    limits: DEVELOPMENT_LIMITS,
    providers: { simulator: LOOPBACK, stripe: LOOPBACK },
    workers: 1,
    ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    paths: { pki: options.pkiDir, sockets: options.socketDir, logs: options.logDir },
  });
}

export function developmentShard(number: number, adminPorts: readonly number[]): Shard {
  const adminPort = adminPorts[number];
  if (adminPort === undefined)
    throw new EngineError(
      'no_admin_port',
      `TOLLGATE_ADMIN_PORTS names ${adminPorts.length} ports: none for shard ${number}.`,
    );
  return { number, address: `127.71.0.${number + 1}`, gatewayThreads: 1, adminPort };
}

/** Cloudflare's published ranges. */
export function cloudflareNetworks(): string[] {
  const { ipv4, ipv6 } = JSON.parse(
    readFileSync(packageFile('ops/deploy/cloudflare-ranges.json'), 'utf8'),
  ) as { ipv4: string[]; ipv6: string[] };
  return [...ipv4, ...ipv6];
}
