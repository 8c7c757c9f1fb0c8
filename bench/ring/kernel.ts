/**
 * The lane's protocol with bare slots, for measuring next to the Disruptor: `published` and
 * `released` are the lane's own sequences; a slot is one or 32 64-bit words, written and summed.
 * The producer stores `published` once a group; the consumer takes all there is and stores
 * `released` once a turn.
 */
import { advance, distance, Sequence } from '../../engine/ring/sequence.js';

const PUBLISHED = 0;
const RELEASED = 256;
const SLOTS = 512;
const BYTES_MAX = 1 << 20;
const SLOTS_MAX = 1 << 16;
/** A consumer that found nothing leaves the producer's cache line alone for so many turns. */
const IDLE_TURNS = 5_000;

export interface Bare {
  readonly published: Sequence;
  readonly released: Sequence;
  readonly words: Float64Array;
  readonly wordsPerSlot: number;
  readonly slots: number;
}

export function allocateBare(slotBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS + slotsOf(slotBytes) * slotBytes);
}

export function bareOf(memory: SharedArrayBuffer, slotBytes: number): Bare {
  return {
    published: new Sequence(memory, PUBLISHED),
    released: new Sequence(memory, RELEASED),
    words: new Float64Array(memory, SLOTS),
    wordsPerSlot: slotBytes / 8,
    slots: slotsOf(slotBytes),
  };
}

function slotsOf(slotBytes: number): number {
  return Math.min(SLOTS_MAX, BYTES_MAX / slotBytes);
}

/** Writes the numbers from 0 into `events` slots, `group` a publish; `events` is a multiple of it. */
export function produce(ring: Bare, events: number, group: number): void {
  const { words, slots, published, released } = ring;
  const mask = slots - 1;
  let next = published.load();
  let free = released.load();
  for (let n = 0; n < events; n += group) {
    while (distance(next, free) + group > slots) free = released.load();
    if (ring.wordsPerSlot === 1) {
      for (let i = 0; i < group; i++) words[(next + i) & mask] = n + i;
    } else {
      for (let i = 0; i < group; i++) fill(words, ((next + i) & mask) * 32, n + i);
    }
    next = advance(next, group);
    published.store(next);
  }
}

/** @returns the sum of all words */
export function consume(ring: Bare, events: number): number {
  const { words, slots, published, released } = ring;
  const mask = slots - 1;
  const isSmall = ring.wordsPerSlot === 1;
  let seen = released.load();
  let total = 0;
  for (let left = events; left > 0; ) {
    const upTo = published.load();
    if (upTo === seen) {
      pause();
      continue;
    }
    left -= distance(upTo, seen);
    if (isSmall) for (; seen !== upTo; seen = advance(seen, 1)) total += words[seen & mask]!;
    else for (; seen !== upTo; seen = advance(seen, 1)) total += sum(words, (seen & mask) * 32);
    released.store(seen);
  }
  return total;
}

let spins = 0;
function pause(): void {
  for (let i = 0; i < IDLE_TURNS; i++) spins = (spins + i) | 0;
}

/** 32 words, written one by one: what a copy of 64-bit words costs. */
function fill(words: Float64Array, at: number, value: number): void {
  for (let i = at; i < at + 32; i += 8) {
    words[i] = value;
    words[i + 1] = value;
    words[i + 2] = value;
    words[i + 3] = value;
    words[i + 4] = value;
    words[i + 5] = value;
    words[i + 6] = value;
    words[i + 7] = value;
  }
}

function sum(words: Float64Array, at: number): number {
  let even = 0;
  let odd = 0;
  for (let i = at; i < at + 32; i += 8) {
    even += words[i]! + words[i + 1]! + words[i + 2]! + words[i + 3]!;
    odd += words[i + 4]! + words[i + 5]! + words[i + 6]! + words[i + 7]!;
  }
  return even + odd;
}
