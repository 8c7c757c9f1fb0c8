/**
 * What Kafka holds of this volume. Every record carries the volume's identity and sequence, and
 * the register of volumes names the shard's newest volume and how far it is published. A database
 * that ends before the newest record in Kafka is an old copy of the volume. A volume that began
 * empty while Kafka has payments of its shard does not belong to the shard.
 */
import type { Message } from 'node-rdkafka';
import { checkoutAccepted, tryDecode } from '../codec/records.js';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from '../domain/topics.js';
import { readTopic } from '../kafka/read-topic.js';
import { EngineError } from '../util/errors.js';
import { ENTRY_MS_MIN, type RegisterEntry, readRegister } from '../volume/volume-register.js';

/** Of each partition, where an earlier release has made no entry in the register. */
const NEWEST = 1_000;
/** How long before an entry's time records above its sequence may have been appended. */
const BEFORE_ENTRY_MS = 10_000;

export interface TailCheck {
  readonly kafkaBrokers: string;
  readonly shard: number;
  readonly dataDir: string;
  readonly volume: string;
  /** The database's last sequence when it was first opened unchecked. */
  readonly sequence: number;
  /** It held no payment then. */
  readonly wasEmpty: boolean;
  /** A recovery or an accepted loss made it: it may take the place of another volume. */
  readonly isNewHistory: boolean;
  /** How often the CDC position, and with it the register, is written. */
  readonly checkpointIntervalMs: number;
}

/**
 * Rejects with EngineError `volume_older_than_kafka` or `volume_lost`, or with another error
 * when Kafka does not answer. The topics must exist.
 */
export async function checkKafkaTail(check: TailCheck): Promise<void> {
  const entry = await readRegister(check.kafkaBrokers, check.shard);
  if (entry && entry.volume !== check.volume && !check.isNewHistory)
    throw check.wasEmpty ? lost(check) : replaced(check, entry);
  let highest = entry?.volume === check.volume ? entry.sequence : 0;
  let isLost = false;
  await readTopic(check.kafkaBrokers, TOPICS.accepted, rangeOf(check, entry), (message) => {
    const origin = parseOrigin(String(message.headers?.[0]?.[ORIGIN_HEADER]));
    if (origin?.volume === check.volume) highest = Math.max(highest, origin.sequence);
    else isLost ||= check.wasEmpty && isOfShard(message, check.shard);
  });
  if (isLost) throw lost(check);
  if (highest > check.sequence) throw older(check, highest);
}

/**
 * The shard's own records above its newest entry were appended about the entry's time:
 * later ones would have been followed by a later entry.
 */
function rangeOf(check: TailCheck, entry: RegisterEntry | undefined) {
  if (entry === undefined) return { newestMax: NEWEST };
  const { atMs } = entry;
  const toMs = atMs + 2 * (ENTRY_MS_MIN + check.checkpointIntervalMs);
  return { appended: { fromMs: atMs - BEFORE_ENTRY_MS, toMs } };
}

function isOfShard({ value }: Message, shard: number): boolean {
  return value !== null && tryDecode(checkoutAccepted, value)?.shard === shard;
}

function lost(check: TailCheck): EngineError {
  return new EngineError(
    'volume_lost',
    `Kafka holds payments of shard ${check.shard}, but its volume was empty. ${whatToDo(check)}`,
  );
}

function older(check: TailCheck, highest: number): EngineError {
  return new EngineError(
    'volume_older_than_kafka',
    `Kafka holds sequence ${highest} of volume ${check.volume}, but its database ended at ${check.sequence}: this is an old copy of the volume. ${whatToDo(check)}`,
  );
}

function replaced(check: TailCheck, entry: RegisterEntry): EngineError {
  return new EngineError(
    'volume_older_than_kafka',
    `Kafka names ${entry.volume} as the newest volume of shard ${check.shard}, but this is ${check.volume}: an old copy, from before a recovery or an accepted loss. ${whatToDo(check)}`,
  );
}

function whatToDo({ dataDir }: TailCheck): string {
  return `Replace the whole folder ${dataDir} with the shard's newest volume; or move it away and build it anew with \`tollgate shard recover --from-kafka\`; or start once with TOLLGATE_ACCEPT_LOSS=on. Until then every start is refused.`;
}
