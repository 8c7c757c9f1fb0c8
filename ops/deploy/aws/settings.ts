/**
 * What one deployment is: sizes, zones and names. What belongs to an account (bucket of
 * releases, certificate authority, mail address) is a parameter of the template instead.
 */
export interface DeploymentSettings {
  /** Shard numbers are never used twice: a shard that is given up leaves its number behind. */
  readonly shards: readonly number[];
  /** Which of them shared the ids, oldest first; the last is in force. */
  readonly epochs: readonly (readonly number[])[];
  /** Partitions of payments.status: more than the highest number there will ever be. */
  readonly shardsEver: number;
  readonly gatewayThreads: number;
  /** Addresses from which a provider calls webhooks. */
  readonly providers: Readonly<Record<string, readonly string[]>>;
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

/** As Stripe publishes them for webhooks; to be compared before each release. */
const STRIPE = [
  ...['3.18.12.63/32', '3.130.192.231/32', '13.235.14.237/32', '13.235.122.149/32'],
  ...['18.211.135.69/32', '35.154.171.200/32', '52.15.183.38/32', '54.88.130.119/32'],
  ...['54.88.130.237/32', '54.187.174.169/32', '54.187.205.235/32', '54.187.216.72/32'],
];

export const PRODUCTION: DeploymentSettings = {
  shards: [0, 1],
  epochs: [[0, 1]],
  shardsEver: 16,
  gatewayThreads: 2,
  providers: { stripe: STRIPE },
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
