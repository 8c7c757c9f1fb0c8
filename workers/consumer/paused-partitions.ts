/**
 * The paused partitions. librdkafka keeps a pause while another consumer owns the partition; a
 * partition that returns stays silent until it is resumed. Each partition is paused and resumed
 * once, because every call makes librdkafka fetch again.
 */
import type { KafkaConsumer, TopicPartition } from 'node-rdkafka';

export class Pauses {
  readonly #consumer: Pick<KafkaConsumer, 'pause' | 'resume'>;
  readonly #paused = new Set<string>();

  constructor(consumer: Pick<KafkaConsumer, 'pause' | 'resume'>) {
    this.#consumer = consumer;
  }

  /** Only what is assigned can be paused. */
  pause(partitions: readonly TopicPartition[]): void {
    const fed = partitions.filter((partition) => !this.#paused.has(nameOf(partition)));
    if (fed.length === 0) return;
    this.#consumer.pause(fed);
    for (const partition of fed) this.#paused.add(nameOf(partition));
  }

  resume(partitions: readonly TopicPartition[]): void {
    const silent = partitions.filter((partition) => this.#paused.has(nameOf(partition)));
    if (silent.length === 0) return;
    this.#consumer.resume(silent);
    for (const partition of silent) this.#paused.delete(nameOf(partition));
  }
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
