/**
 * Rebuilds the volume of a lost shard from Kafka: `payments.accepted` holds what the shard
 * accepted, byte for byte as it was stored, and its partition of `payments.status` holds the
 * statuses. What was acknowledged but never reached Kafka is lost; the report says how much that
 * is.
 */

import { Marks } from './cdc/wal-states.js';
import { acceptedAt, isStatusOf, statusVersion } from './codec/in-place.js';
import { checkoutAccepted, paymentStatus, tryDecode } from './codec/records.js';
import type { EngineConfig } from './config/config.js';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from './domain/topics.js';
import { readTopic } from './kafka/read-topic.js';
import { topicIdentities } from './kafka/topic-identity.js';
import { encodeOffset, META_STATUS_OFFSET, META_STATUS_TOPIC } from './store/families.js';
import { Store, type WriteBatch } from './store/store.js';
import { Ages } from './store/time-index.js';
import { EngineError } from './util/errors.js';
import type { Logger } from './util/log.js';
import { claimVolume, isEmpty } from './volume/volume.js';
import { VolumeCheck } from './volume/volume-check.js';
import { locate } from './wal/wal-position.js';

const BATCH_ROWS = 1_000;
const LOST_MAX = 100_000;

export interface Recovered {
  readonly checkouts: number;
  readonly statuses: number;
  /** Per lost volume of this shard: the highest sequence that Kafka has of it. */
  readonly published: ReadonlyMap<string, number>;
  /** Of `acknowledged`, what is not in Kafka: merchant/id, at most LOST_MAX of them. */
  readonly lost: readonly string[];
}

export interface RecoveryOptions {
  /** Called with the rows read so far. */
  readonly onProgress: (rows: number) => void;
  /** What was answered 202 by this shard: merchant/id each. */
  readonly acknowledged: AsyncIterable<string>;
}

/** The shard must not run, and its volume must be empty. */
export async function recoverFromKafka(
  config: EngineConfig,
  logger: Logger,
  options: RecoveryOptions,
): Promise<Recovered> {
  const store = await Store.open(config.dataDir, config);
  try {
    if (!isEmpty(store))
      throw new EngineError(
        'volume_not_empty',
        `${config.dataDir} holds payments: start the engine with it, or move it away first.`,
      );
    const writer = new Rows(store, options.onProgress);
    const published = await readAccepted(config, writer);
    // A status is compared with the stored checkout of its id.
    writer.flush();
    const checkouts = writer.rows;
    await readStatuses(config, writer);
    writer.flush();
    const volume = claimVolume(store, config.shard);
    publishNothingAgain(config, store, volume.id, logger);
    new VolumeCheck(config.dataDir).recovered(volume.id, store.sequence);
    const lost: string[] = [];
    for await (const key of options.acknowledged)
      if (lost.length < LOST_MAX && !store.get('checkouts', Buffer.from(key))) lost.push(key);
    return { checkouts, statuses: writer.rows - checkouts, published, lost };
  } finally {
    await store.close();
  }
}

async function readAccepted(config: EngineConfig, writer: Rows): Promise<Map<string, number>> {
  const published = new Map<string, number>();
  const { kafkaBrokers, shard } = config;
  await readTopic(kafkaBrokers, TOPICS.accepted, {}, ({ key, value, headers }) => {
    const record = value && tryDecode(checkoutAccepted, value);
    if (!record || !key || record.shard !== shard) return;
    const origin = parseOrigin(String(headers?.[0]?.[ORIGIN_HEADER]));
    if (origin && origin.sequence > (published.get(origin.volume) ?? 0))
      published.set(origin.volume, origin.sequence);
    writer.checkout(Buffer.from(key as Buffer), value);
  });
  return published;
}

async function readStatuses(config: EngineConfig, writer: Rows): Promise<void> {
  const { kafkaBrokers, shard } = config;
  const only = { partitions: shard + 1, first: shard };
  const topic = (await topicIdentities(kafkaBrokers, [TOPICS.status])).get(TOPICS.status);
  await readTopic(kafkaBrokers, TOPICS.status, only, ({ key, value, offset }) => {
    if (key && value && tryDecode(paymentStatus, value))
      writer.status(Buffer.from(key as Buffer), value);
    writer.offset(offset + 1);
  });
  if (topic) writer.topic(topic.id);
}

/** What came from Kafka is there: the log begins to be published behind it. */
function publishNothingAgain(
  config: EngineConfig,
  store: Store,
  volume: string,
  logger: Logger,
): void {
  const marks = new Marks(config, logger);
  const end = locate(Store.directory(config.dataDir), store.sequence + 1);
  if (end) marks.checkpoint.saveSync({ ...end, volume });
  marks.saveSync(volume, store.sequence);
}

/** Rows on their way into the store: a checkout once, of statuses the newest. */
class Rows {
  readonly #store: Store;
  readonly #batch: WriteBatch;
  readonly #onProgress: (rows: number) => void;
  readonly #ages = new Ages('checkouts');
  #inBatch = new Map<string, number>();
  rows = 0;

  constructor(store: Store, onProgress: (rows: number) => void) {
    this.#store = store;
    this.#batch = store.batch();
    this.#onProgress = onProgress;
  }

  checkout(key: Buffer, value: Buffer): void {
    const name = key.toString('latin1');
    if (this.#inBatch.has(name) || this.#store.get('checkouts', key)) return;
    this.#inBatch.set(name, 0);
    this.#batch.put('checkouts', key, value);
    this.#ages.add(acceptedAt(value), key);
    this.#counted();
  }

  status(key: Buffer, value: Buffer): void {
    const name = key.toString('latin1');
    const stored = this.#store.get('status', key);
    const checkout = this.#store.get('checkouts', key);
    if (checkout && !isStatusOf(value, checkout)) return;
    const known = this.#inBatch.get(name) ?? (stored ? statusVersion(stored) : 0);
    const version = statusVersion(value);
    if (version <= known) return;
    this.#inBatch.set(name, version);
    this.#batch.put('status', key, value);
    this.#counted();
  }

  offset(next: number): void {
    this.#batch.put('meta', META_STATUS_OFFSET, encodeOffset(next));
  }

  /** The offsets count in the topic of this id. */
  topic(id: string): void {
    this.#batch.put('meta', META_STATUS_TOPIC, Buffer.from(id));
  }

  flush(): void {
    this.#ages.putInto(this.#batch);
    if (this.#batch.size > 0) this.#batch.write();
    this.#inBatch = new Map();
    this.#onProgress(this.rows);
  }

  #counted(): void {
    this.rows++;
    if (this.#inBatch.size >= BATCH_ROWS) this.flush();
  }
}
