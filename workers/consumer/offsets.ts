/**
 * Offsets in work. The committable offset of a partition is its low-water mark: every record
 * before it is finished. A record of a partition that is not assigned is left over from an earlier
 * assignment; it is not tracked and commits nothing.
 */
import type { TopicPartition, TopicPartitionOffset } from 'node-rdkafka';
import { nameOf } from './paused-partitions.js';

export class Offsets {
  /** Open offsets, ascending, as they were taken in. */
  readonly #open = new Set<number>();
  /** The lowest that was taken in. */
  #first = Number.POSITIVE_INFINITY;
  #next = -1;
  #committed = -1;

  /** @returns false for an offset that was taken in before (a rebalance brings repeats). */
  begin(offset: number): boolean {
    if (offset < this.#first) this.#beginAt(offset);
    else if (offset < this.#next) return false;
    this.#open.add(offset);
    this.#next = offset + 1;
    return true;
  }

  /** What was taken in before this one was left over from an earlier assignment: it comes again. */
  #beginAt(offset: number): void {
    this.#open.clear();
    this.#first = offset;
    this.#committed = -1;
  }

  finish(offset: number): void {
    this.#open.delete(offset);
  }

  get open(): number {
    return this.#open.size;
  }

  /** The offset to commit (the first that is not finished), or undefined when nothing is new. */
  take(): number | undefined {
    const [first] = this.#open;
    const lowWater = first ?? this.#next;
    if (lowWater <= this.#committed || lowWater < 0) return undefined;
    this.#committed = lowWater;
    return lowWater;
  }
}

export class AssignedOffsets {
  #partitions = new Map<
    string,
    { readonly partition: TopicPartition; readonly offsets: Offsets }
  >();

  /** All partitions that are assigned from now on; each starts with nothing in work. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#partitions = new Map(
      partitions.map((partition) => [nameOf(partition), { partition, offsets: new Offsets() }]),
    );
  }

  /** undefined: the partition is not assigned. */
  of(record: TopicPartition): Offsets | undefined {
    return this.#partitions.get(nameOf(record))?.offsets;
  }

  /** What is to be committed now. */
  take(): TopicPartitionOffset[] {
    return [...this.#partitions.values()].flatMap(({ partition, offsets }) => {
      const offset = offsets.take();
      const { topic, partition: number } = partition;
      return offset === undefined ? [] : [{ topic, partition: number, offset }];
    });
  }
}
