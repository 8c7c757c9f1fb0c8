/**
 * Offsets of everything in shared memory; no code that reads or writes it.
 *
 * A lane (one SharedArrayBuffer) joins one producing thread to one writer thread:
 *
 *     0          128        256        384
 *     +----------+----------+----------+--------+--------+-----
 *     | published| written  | released | slot 0 | slot 1 | …
 *     +----------+----------+----------+--------+--------+-----
 *       producer   writer     producer   256 bytes each
 *
 * Every sequence has one writer and 128 bytes of its own, since the prefetcher fetches
 * cache lines in pairs. `published` ≥ `written` ≥ `released`: the answer travels back in
 * the slot that brought the request, and the slot is used again only once released.
 *
 * A message takes one or more consecutive slots:
 *
 *     0      4      8          12           16       24      32
 *     +------+------+----------+------------+--------+-------+-------------…
 *     | span | kind | keyBytes | valueBytes | result | spare | key | value
 *     +------+------+----------+------------+--------+-------+-------------…
 *                                            0: u32   24: f64 detail
 *
 * `result` and `detail` are the writer's; the rest is the producer's.
 */
export const PUBLISHED_OFFSET = 0;
export const WRITTEN_OFFSET = 128;
export const RELEASED_OFFSET = 256;
export const SLOTS_OFFSET = 384;

export const SLOT_BYTES = 256;
export const SLOT_SHIFT = 8;

export const SPAN_FIELD = 0;
export const KIND_FIELD = 4;
export const KEY_BYTES_FIELD = 8;
export const VALUE_BYTES_FIELD = 12;
export const RESULT_FIELD = 16;
export const DETAIL_FIELD = 24;
export const PAYLOAD_OFFSET = 32;

/** The kind of the filler that takes the slots up to the end of the memory. */
export const PADDING = 0;

/** A doorbell: the bell (any producer adds) and the parked flag (the waiter's), apart. */
export const BELL_OFFSET = 0;
export const PARKED_OFFSET = 128;
export const DOORBELL_BYTES = 256;

export function laneBytes(slots: number): number {
  return SLOTS_OFFSET + slots * SLOT_BYTES;
}

/** The number of slots that a message of `bytes` (key and value) takes. */
export function spanOf(bytes: number): number {
  return (PAYLOAD_OFFSET + bytes + SLOT_BYTES - 1) >>> SLOT_SHIFT;
}

/** A message may take at most half a lane, so that padding can always be placed. */
export function messageBytesMax(slots: number): number {
  return (slots >>> 1) * SLOT_BYTES - PAYLOAD_OFFSET;
}
