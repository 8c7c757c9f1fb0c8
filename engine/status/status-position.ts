/**
 * Decides where to start reading `payments.status`. A stored offset is valid only for the topic in
 * which it was stored. For a topic that was created again or truncated, reading starts at its
 * first record. Repeats are harmless, because a status with an old version is ignored; a skipped
 * record would be lost.
 */
export interface StoredPosition {
  /** The topic's id; undefined: stored by a release that did not know it. */
  readonly topic: string | undefined;
  /** The first offset that the store has not seen. */
  readonly offset: number;
}

export interface StatusStart {
  readonly offset: number;
  /** Why it begins again; undefined: it goes on. */
  readonly reborn: string | undefined;
}

/** @param highOffset the offset after the partition's newest record */
export function statusStart(
  stored: StoredPosition,
  topic: string,
  highOffset: number,
): StatusStart {
  if (stored.topic !== undefined && stored.topic !== topic)
    return { offset: 0, reborn: `the topic was made anew: its id was ${stored.topic}` };
  if (highOffset < stored.offset)
    return {
      offset: 0,
      reborn: `the partition ends at offset ${highOffset}, ${stored.offset} was read: it lost its tail`,
    };
  return { offset: stored.offset, reborn: undefined };
}
