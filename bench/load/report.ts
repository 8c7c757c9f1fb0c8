/** What one load measured, as numbers to store, and as it travels from the client's process. */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
  HistogramLogWriter,
} from 'hdr-histogram-js';
import type { Recorded } from './open-loop.js';

const CURVE = [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999];

/** One load's latency from the moment each request was due, in milliseconds. */
export interface Latency {
  readonly name: string;
  readonly rate_target: number;
  readonly rate_achieved: number;
  readonly count: number;
  /** Answers that were not the expected one, by status or error. */
  readonly failures: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p99_9: number;
  readonly max: number;
  /** How late the client itself sent, p99: what of the figures above is its own. */
  readonly client_late_p99: number;
  /** Pairs of percentile and milliseconds, for drawing. */
  readonly curve: readonly (readonly [number, number])[];
}

export type LoadReport = Omit<Latency, 'name'> & {
  /** The histogram as an HDR log (format 1.3) with one line. */
  readonly hdr: (tag: string) => string;
};

/** One line of JSON from the client's process. */
export interface Sent {
  readonly rateTarget: number;
  readonly rateAchieved: number;
  readonly failures: Record<string, number>;
  readonly histogram: string;
  readonly late: string;
  readonly startedAt: number;
}

export function sentOf(recorded: Recorded, rateTarget: number, startedAt: number): Sent {
  return {
    rateTarget,
    rateAchieved: recorded.perSecond,
    failures: recorded.failures,
    histogram: encodeIntoCompressedBase64(recorded.histogram),
    late: encodeIntoCompressedBase64(recorded.late),
    startedAt,
  };
}

export function reportOf(sent: Sent): LoadReport {
  const histogram = decodeFromCompressedBase64(sent.histogram);
  const late = decodeFromCompressedBase64(sent.late);
  return {
    ...figuresOf(histogram, late),
    rate_target: sent.rateTarget,
    rate_achieved: sent.rateAchieved,
    failures: sent.failures,
    hdr: (tag) => hdrLog(histogram, tag, sent.startedAt),
  };
}

/** From latencies in milliseconds that were measured elsewhere. */
export function reportOfSamples(milliseconds: readonly number[], seconds: number): LoadReport {
  const histogram = build({ highestTrackableValue: 120_000_000 });
  for (const millisecond of milliseconds)
    histogram.recordValue(Math.max(1, Math.round(millisecond * 1_000)));
  const rate = milliseconds.length / seconds;
  const startedAt = Date.now() - seconds * 1_000;
  return {
    ...figuresOf(histogram, build({ highestTrackableValue: 2 })),
    rate_target: rate,
    rate_achieved: rate,
    failures: {},
    hdr: (tag) => hdrLog(histogram, tag, startedAt),
  };
}

function figuresOf(histogram: Histogram, late: Histogram) {
  const ms = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1_000;
  return {
    count: histogram.totalCount,
    p50: ms(50),
    p90: ms(90),
    p99: ms(99),
    p99_9: ms(99.9),
    max: histogram.totalCount > 0 ? histogram.maxValue / 1_000 : 0,
    client_late_p99: late.totalCount > 0 ? late.getValueAtPercentile(99) / 1_000 : 0,
    curve: CURVE.map((value) => [value, ms(value)] as const),
  };
}

function hdrLog(histogram: Histogram, tag: string, startedAt: number): string {
  let text = '';
  const writer = new HistogramLogWriter((line) => {
    text += line;
  });
  writer.outputLogFormatVersion();
  writer.outputStartTime(startedAt);
  writer.outputLegend();
  histogram.tag = tag.replaceAll(/[\s,]+/g, '_');
  writer.outputIntervalHistogram(histogram, 0, (Date.now() - startedAt) / 1_000);
  return text;
}
