/**
 * The allowed connections: who connects to whom, on which port, and how each end authenticates the
 * other. The security groups are generated from this map; everything else is closed.
 */
export type Host =
  | 'nlb'
  | 'edge'
  | 'shard'
  | 'processor'
  | 'reconcile'
  | 'kafka'
  | 'postgres'
  | 'endpoints';
/** Hosts of ours, as opposed to services. */
export const HOSTS = ['edge', 'shard', 'processor', 'reconcile'] as const;

export interface Door {
  readonly from: Host;
  readonly to: Host;
  readonly port: number;
  readonly trust: string;
}

export const HTTPS_PORT = 443;
export const SHARD_PORT = 9443;
const KAFKA_TLS_PORT = 9094;
const POSTGRES_PORT = 5432;

export const DOORS: readonly Door[] = [
  {
    from: 'nlb',
    to: 'edge',
    port: HTTPS_PORT,
    trust: "Cloudflare's client certificate, checked by nginx behind the PROXY protocol",
  },
  {
    from: 'edge',
    to: 'shard',
    port: SHARD_PORT,
    trust: 'mTLS, role edge; ends at the nginx beside the engine',
  },
  {
    from: 'shard',
    to: 'shard',
    port: SHARD_PORT,
    trust: 'mTLS, role shard: an earlier owner is asked for an id',
  },
  { from: 'shard', to: 'kafka', port: KAFKA_TLS_PORT, trust: 'mTLS, role shard, ACLs' },
  { from: 'processor', to: 'kafka', port: KAFKA_TLS_PORT, trust: 'mTLS, role processor, ACLs' },
  {
    from: 'processor',
    to: 'postgres',
    port: POSTGRES_PORT,
    trust: 'TLS verify-full; RDS knows no client certificates, so a password',
  },
  { from: 'reconcile', to: 'postgres', port: POSTGRES_PORT, trust: 'the same' },
  ...HOSTS.map((from) => ({
    from,
    to: 'endpoints' as const,
    port: HTTPS_PORT,
    trust: "AWS' services within the VPC, by the host's role",
  })),
];

/**
 * Hosts that may call the internet by HTTPS through the NAT. Processors and the reconciling host
 * call providers; a shard calls Route 53, which has no VPC endpoint. All other hosts reach AWS
 * through VPC endpoints, and S3 through its gateway endpoint; they cannot call the internet.
 */
export const CALLS_OUT: readonly Host[] = ['shard', 'processor', 'reconcile'];
