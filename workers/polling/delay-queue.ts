/**
 * Holds records until they are due. Each record has its own timer, so none delays another. Bounded
 * per partition: `isFull` says when to stop adding. A record that is already held is not added
 * twice; after a restart, Kafka delivers records again that were passed on before.
 */
const HELD_MAX = 256;

export interface Hold {
  /** From now. */
  readonly waitMs: number;
  /** Records with the same one mean the same. */
  readonly id: string;
}

interface Partition {
  readonly timers: Map<string, NodeJS.Timeout>;
  isFull: boolean;
}

export class Held {
  readonly #partitions = new Map<string, Partition>();
  /** A partition that was full has room again. */
  readonly #onRoom: (partition: string) => void;

  constructor(onRoom: (partition: string) => void) {
    this.#onRoom = onRoom;
  }

  get count(): number {
    let count = 0;
    for (const { timers } of this.#partitions.values()) count += timers.size;
    return count;
  }

  isFull(partition: string): boolean {
    return this.#partitions.get(partition)?.isFull ?? false;
  }

  /** @returns `filled` when this one has filled its partition, `known` when it is held already */
  add(name: string, { waitMs, id }: Hold, onDue: () => void): 'held' | 'filled' | 'known' {
    const partition = this.#partitions.get(name) ?? { timers: new Map(), isFull: false };
    this.#partitions.set(name, partition);
    const { timers } = partition;
    if (timers.has(id)) return 'known';
    const due = (): void => {
      timers.delete(id);
      onDue();
      if (!partition.isFull || timers.size > HELD_MAX / 2) return;
      partition.isFull = false;
      this.#onRoom(name);
    };
    timers.set(id, setTimeout(due, waitMs));
    if (partition.isFull || timers.size < HELD_MAX) return 'held';
    partition.isFull = true;
    return 'filled';
  }

  /** The partitions have gone, or the process ends: what is held comes again. */
  clear(): void {
    for (const { timers } of this.#partitions.values())
      for (const timer of timers.values()) clearTimeout(timer);
    this.#partitions.clear();
  }
}
