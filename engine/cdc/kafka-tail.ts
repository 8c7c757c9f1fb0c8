/**
 * What Kafka knows of this volume: every record carries the volume's identity and sequence.
 * A database that ends before what Kafka has seen is an old copy of the volume.
 */
import { checkoutAccepted, tryDecode } from '../codec/records.js';
import { EngineError } from '../core/errors.js';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from '../core/topics.js';
import { readTopic } from '../kafka/read-topic.js';

/** Of each partition; records that are published again carry no sequence. */
const NEWEST = 10;

export interface TailCheck {
  readonly kafkaBrokers: string;
  readonly partitions: number;
  readonly volume: string;
  /** The database's last sequence when it was opened. */
  readonly sequence: number;
  readonly shard: number;
  /** It holds no payment at all. */
  readonly isEmpty: boolean;
}

/**
 * Rejects with EngineError `volume_older_than_kafka` or `volume_lost`, or with a Kafka error when it is away.
 */
export async function checkKafkaTail(check: TailCheck): Promise<void> {
  let highest = 0;
  let ofThisShard = 0;
  const options = { partitions: check.partitions, newestMax: NEWEST };
  await readTopic(check.kafkaBrokers, TOPICS.accepted, options, (message) => {
    const origin = parseOrigin(String(message.headers?.[0]?.[ORIGIN_HEADER]));
    if (check.isEmpty && isOfShard(message.value, check.shard)) ofThisShard++;
    if (origin?.volume === check.volume) highest = Math.max(highest, origin.sequence);
  });
  if (ofThisShard > 0)
    throw new EngineError(
      'volume_lost',
      `Kafka holds payments of shard ${check.shard}, but this volume holds none: attach the shard's own, build it anew with \`tollgate shard recover --from-kafka\`, or start with TOLLGATE_ACCEPT_LOSS=on.`,
    );
  if (highest <= check.sequence) return;
  throw new EngineError(
    'volume_older_than_kafka',
    `Kafka holds sequence ${highest} of volume ${check.volume}, but its database ends at ${check.sequence}: this is an old copy of the volume. Attach the newest one, or start with TOLLGATE_ACCEPT_LOSS=on.`,
  );
}

function isOfShard(value: Buffer | null, shard: number): boolean {
  return value !== null && tryDecode(checkoutAccepted, value)?.shard === shard;
}
