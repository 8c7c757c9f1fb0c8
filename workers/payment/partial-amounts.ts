/**
 * Computes how much of a payment is refunded or disputed, from events that arrive late, twice and
 * in any order. Pure. A provider reports either the sum so far, or one refund or dispute and its
 * state: a part counts once it is `taken`, and no longer once it is `void` (a failed refund, a won
 * dispute).
 */

export const PART_STATES = ['noted', 'taken', 'void'] as const;
export type PartState = (typeof PART_STATES)[number];

/** One refund or dispute. */
export interface Part {
  /** The provider's name of it. */
  readonly id: string;
  readonly state: PartState;
}

/** What is recorded of the parts of one kind. Minor units. */
export interface KnownParts {
  /** Of all that were ever taken, void ones too. */
  readonly takenMinor: number;
  readonly voidMinor: number;
  /** Of the part in question. */
  readonly known: { readonly state: PartState; readonly amountMinor: number } | null;
}

export const NO_PARTS: KnownParts = { takenMinor: 0, voidMinor: 0, known: null };

/**
 * @param totalMinor what counts so far
 * @param amountMinor of the part; without one, the sum so far by the provider
 * @returns what counts now; undefined when the event says nothing new
 */
export function totalWith(
  totalMinor: number,
  parts: KnownParts,
  part: Part | null,
  amountMinor: number,
): number | undefined {
  const claimed = totalMinor + parts.voidMinor;
  if (part === null) {
    const total = Math.max(claimed, amountMinor, parts.takenMinor) - parts.voidMinor;
    return total === totalMinor ? undefined : total;
  }
  const before = parts.known === null ? -1 : rankOf(parts.known.state);
  if (rankOf(part.state) <= before) return undefined;
  // A part keeps its first amount, so that what is taken back is what was counted.
  const amount = parts.known?.amountMinor ?? amountMinor;
  const isNewlyTaken = part.state !== 'noted' && before < rankOf('taken');
  const taken = parts.takenMinor + (isNewlyTaken ? amount : 0);
  const gone = parts.voidMinor + (part.state === 'void' ? amount : 0);
  return Math.max(claimed, taken) - gone;
}

function rankOf(state: PartState): number {
  return PART_STATES.indexOf(state);
}
