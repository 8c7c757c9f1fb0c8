/**
 * The register of volumes in Kafka, `payments.volumes`: one partition per shard, whose newest
 * record names the shard's volume and the sequence up to which it is published. The topic is
 * compacted, so that record stays however long the shard is silent, and no other shard
 * writes to the partition. An entry is at most ENTRY_MS_MIN older than what was published
 * then; records of `payments.accepted` from about its time close that gap (kafka-tail.ts).
 */
import { formatOrigin, parseOrigin, TOPICS } from '../domain/topics.js';
import { readTopic } from '../kafka/read-topic.js';
import type { RecordAside } from './republications.js';

export const ENTRY_MS_MIN = 5_000;

export interface RegisterEntry {
  readonly volume: string;
  readonly sequence: number;
  /** Kafka's append time, Unix milliseconds. */
  readonly atMs: number;
}

/** @returns undefined when the shard has no entry. Rejects when Kafka is away. */
export async function readRegister(
  brokers: string,
  shard: number,
): Promise<RegisterEntry | undefined> {
  let newest: RegisterEntry | undefined;
  const options = { first: shard, partitions: shard + 1, newestMax: 1 };
  await readTopic(brokers, TOPICS.volumes, options, ({ value, timestamp }) => {
    const origin = parseOrigin(String(value));
    if (origin) newest = { ...origin, atMs: timestamp ?? 0 };
  });
  return newest;
}

export interface RegisterWriterParts {
  readonly volume: string;
  readonly shard: number;
  /** Resolves when the record is delivered. */
  readonly send: (record: RecordAside) => Promise<void>;
  /** After each entry that Kafka has confirmed. */
  readonly onEntered: () => void;
}

/** Decides when an entry is due, and remembers what Kafka has confirmed. */
export class RegisterWriter {
  readonly #parts: RegisterWriterParts;
  #entered = -1;
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(parts: RegisterWriterParts) {
    this.#parts = parts;
  }

  /** The topic may have been made anew: the next call enters, whatever was entered before. */
  forget(): void {
    this.#entered = -1;
  }

  /**
   * @param published Kafka has all up to this sequence
   * @param isLast the process ends: no later entry will follow
   */
  async enter(published: number, isLast = false): Promise<void> {
    const now = performance.now();
    if (published <= this.#entered) return;
    if (!isLast && now - this.#sentAt < ENTRY_MS_MIN) return;
    this.#sentAt = now;
    const { volume, shard, send, onEntered } = this.#parts;
    const origin = { volume, sequence: published, source: 'wal' as const };
    const record = {
      topic: TOPICS.volumes,
      partition: shard,
      key: Buffer.from(`${shard}`),
      value: Buffer.from(formatOrigin(origin)),
    };
    try {
      await send(record);
    } catch {
      // Kafka is away or the producer was started again: the next call enters more.
      this.#sentAt = Number.NEGATIVE_INFINITY;
      return;
    }
    this.#entered = Math.max(this.#entered, published);
    onEntered();
  }
}
