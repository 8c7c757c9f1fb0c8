/** What one run covers: which providers, and which period. */
import type { Clock, Period } from './calendar.js';
import type { Fee, Rounding } from './fees.js';

export interface Scope {
  readonly period: Period;
  readonly clock: Clock;
  /** Before the period's start: what the run before could not yet decide. */
  readonly from: Date;
  /** The reports were asked for after this: whatever is ours from before must be in them. */
  readonly knownUntil: Date;
  /** What is missing outside is decided up to here; later it is only late. */
  readonly decidedUntil: Date;
  readonly providers: readonly string[];
  /** Those of them whose reports are all there: of the others nothing can be missing outside. */
  readonly complete: readonly string[];
  readonly fees: readonly Fee[];
  readonly feeRounding: Rounding;
  readonly sourceIds: readonly number[];
}

/** $1 to $3 of every statement over a run's lines. */
export function boundsOf(scope: Scope): [readonly number[], Date, Date] {
  return [scope.sourceIds, scope.from, scope.period.until];
}
