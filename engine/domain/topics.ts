/** Kafka topics, their shapes, and the headers that say where a record came from. */

export const TOPICS = {
  accepted: 'payments.accepted',
  webhooks: 'payments.webhooks',
  dlq: 'payments.dlq',
  status: 'payments.status',
  /** Compacted: which volume serves a shard, and how far it is published (cdc/volume-register.ts). */
  volumes: 'payments.volumes',
} as const;

/** The consumer group of all processors. */
export const PROCESSOR_GROUP = 'tollgate-processors';

/** @param delay as it is written in the settings, e.g. `30s` */
export function retryTopic(delay: string): string {
  return `payments.retry.${delay}`;
}

/**
 * Every producer uses this partitioner (Kafka's own murmur2), so that all topics keyed by
 * `merchant/checkoutId` put one payment on the same partition number.
 */
export const PARTITIONER = 'murmur2_random';

/** `<volume identity>:<sequence in RocksDB>:<wal|rescan|sweep>` on accepted and webhooks. */
export const ORIGIN_HEADER = 'tollgate-origin';

/**
 * `<engine's clock when it handed the record to Kafka, Unix ms>[:<ms that it can have waited in the
 * engine's log>]` on accepted and webhooks. Kafka's append time minus the first is how far the two
 * clocks differ; minus the second, it is a proof of when the record was accepted.
 */
export const SENT_AT_HEADER = 'tollgate-sent-at';

export type OriginSource = 'wal' | 'rescan' | 'sweep';

export interface Origin {
  readonly volume: string;
  readonly sequence: number;
  readonly source: OriginSource;
}

export function formatOrigin(origin: Origin): string {
  return `${origin.volume}:${origin.sequence}:${origin.source}`;
}

/** The headers of a record. Readers of the origin expect it first. */
export function recordHeaders(origin: Origin, waitedMsMax?: number): Record<string, string>[] {
  const sentAt = waitedMsMax === undefined ? `${Date.now()}` : `${Date.now()}:${waitedMsMax}`;
  return [{ [ORIGIN_HEADER]: formatOrigin(origin) }, { [SENT_AT_HEADER]: sentAt }];
}

export interface SentAt {
  readonly sentAt: number;
  readonly waitedMsMax: number | null;
}

/** @returns undefined when the text is no such header */
export function parseSentAt(text: string): SentAt | undefined {
  const match = /^(\d{1,15})(?::(\d{1,15}))?$/.exec(text);
  if (!match) return undefined;
  return { sentAt: Number(match[1]), waitedMsMax: match[2] ? Number(match[2]) : null };
}

/** @returns undefined when the text is no origin */
export function parseOrigin(text: string): Origin | undefined {
  const match = /^([\w-]+):(\d+):(wal|rescan|sweep)$/.exec(text);
  if (!match) return undefined;
  return { volume: match[1]!, sequence: Number(match[2]), source: match[3] as OriginSource };
}
