/**
 * The interface of a source of reports. A report is a CSV file of any size. It is written to disk
 * as it arrives and read from there, so that it can be inspected later.
 */
import type { Readable } from 'node:stream';
import type { Period } from '../calendar.js';

/** How the amounts of a report are written. */
export type AmountFormat = 'minor' | 'decimal';

export interface Report {
  /** Unique for a provider, e.g. `2026-11.csv`: a later version of it replaces the earlier. */
  readonly name: string;
  readonly amounts: AmountFormat;
  open(): Promise<Readable>;
}

export interface SettlementSource {
  readonly provider: string;
  /** It is there by default: that it is away matters only once the provider has a payment. */
  readonly isAssumed?: boolean;
  /** The reports that cover the period and what of the time before it is still awaited. */
  reports(period: Period, from: Date): Promise<readonly Report[]>;
}
