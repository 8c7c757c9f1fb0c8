/**
 * Records whose time has not come: each waits by a timer of its own, so that none holds up
 * another. Bounded a partition: `isFull` says when it must be fed no more.
 */
const HELD_MAX = 256;

interface Partition {
  readonly timers: Set<NodeJS.Timeout>;
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

  /** @returns whether this one has filled its partition */
  add(name: string, untilMs: number, onDue: () => void): boolean {
    const partition = this.#partitions.get(name) ?? { timers: new Set(), isFull: false };
    this.#partitions.set(name, partition);
    const { timers } = partition;
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        onDue();
        if (!partition.isFull || timers.size > HELD_MAX / 2) return;
        partition.isFull = false;
        this.#onRoom(name);
      },
      Math.max(0, untilMs - Date.now()),
    );
    timers.add(timer);
    if (partition.isFull || timers.size < HELD_MAX) return false;
    partition.isFull = true;
    return true;
  }

  /** The partitions have gone, or the process ends: what is held comes again. */
  clear(): void {
    for (const { timers } of this.#partitions.values())
      for (const timer of timers) clearTimeout(timer);
    this.#partitions.clear();
  }
}
