/**
 * What one deployment is: sizes, zones and names. What belongs to an account (bucket of
 * releases, certificate authority, mail address) is a parameter of the template instead.
 */
export interface DeploymentSettings {
  /** Shard numbers are never used twice: a shard that is given up leaves its number behind. */
  readonly shards: readonly number[];
  readonly edges: number;
  readonly processors: number;
  readonly edgeInstance: string;
  readonly shardInstance: string;
  readonly processorInstance: string;
  readonly reconcileInstance: string;
  /** io2 volumes are Block Express on these instances: sub-millisecond fsync. */
  readonly volumeGib: number;
  readonly volumeIops: number;
  readonly kafkaInstance: string;
  readonly kafkaBrokers: number;
  readonly kafkaGib: number;
  readonly databaseInstance: string;
  readonly databaseGib: number;
}

export const PRODUCTION: DeploymentSettings = {
  shards: [0, 1],
  edges: 2,
  processors: 2,
  edgeInstance: 'c7a.large',
  shardInstance: 'c7a.2xlarge',
  processorInstance: 'c7a.xlarge',
  reconcileInstance: 't3.medium',
  volumeGib: 200,
  volumeIops: 16_000,
  kafkaInstance: 'kafka.m7g.large',
  kafkaBrokers: 4,
  kafkaGib: 500,
  databaseInstance: 'm7g.large',
  databaseGib: 200,
};

/** Names inside the private zone; the consistent hash of the edge is made of the shards' names. */
export const PRIVATE_ZONE = 'tollgate.internal';
export function shardName(shard: number): string {
  return `shard-${shard}.${PRIVATE_ZONE}`;
}
