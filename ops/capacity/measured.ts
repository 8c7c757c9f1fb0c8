/**
 * Reads the results of the benches on this machine, in the form that the capacity plan needs. No
 * figure is invented.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../engine/util/paths.js';

/** Newer results first, then the baseline that is kept in the repository. */
const FOLDERS = ['bench/results', 'bench/baseline'];

export interface MeasuredLatency {
  readonly name: string;
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Measured {
  readonly machine: string;
  /** Durable 202s a second of one shard, with its publishing keeping up. */
  readonly acceptPerSecond: number;
  /** The same without publishing: what one gateway thread carries. */
  readonly gatewayPerSecond: number;
  /** Milliseconds of a journal's batch: `fixed + messages * each`. */
  readonly batchFixedMs: number;
  readonly batchEachMs: number;
  readonly fdatasync: { readonly p50: number; readonly p99: number };
  readonly processedPerSecond: number;
  readonly insertsPerSecond: number;
  readonly storeBytesPerPayment: number;
  /** Of one shard, and of two behind the edge, at constant rates. */
  readonly oneShard: readonly MeasuredLatency[];
  readonly twoShards: readonly MeasuredLatency[];
}

interface ResultFile {
  readonly machine: { readonly cpu: string; readonly cores: number };
  readonly rows: readonly { readonly name: string; readonly ours: number }[];
  readonly latency: readonly {
    readonly name: string;
    readonly rate_target: number;
    readonly rate_achieved: number;
    readonly p50: number;
    readonly p99: number;
  }[];
}

/** Throws when a suite that is needed was never run. */
export function readMeasured(): Measured {
  const accept = resultOf('accept');
  const perSecond = (batch: number): number => rowOf(resultOf('journal'), `batches of ${batch}`);
  const batchMs = (size: number): number => (size / perSecond(size)) * 1_000;
  const batchEachMs = Math.max(1e-4, (batchMs(512) - batchMs(128)) / (512 - 128));
  const latency = resultOf('latency');
  const processor = resultOf('processor');
  return {
    machine: `${accept.machine.cpu}, ${accept.machine.cores} cores`,
    acceptPerSecond: rowOf(accept, 'accept with publishing, 256 connections'),
    gatewayPerSecond: rowOf(accept, 'accept alone, 256 connections'),
    batchFixedMs: Math.max(0, batchMs(128) - 128 * batchEachMs),
    batchEachMs,
    fdatasync: {
      p50: rowOf(latency, 'fdatasync of 4 KiB, p50'),
      p99: rowOf(latency, 'fdatasync of 4 KiB, p99'),
    },
    processedPerSecond: rowOf(processor, 'answers at once'),
    insertsPerSecond: rowOf(processor, 'parts alone: inserts'),
    storeBytesPerPayment: rowOf(resultOf('growth'), /^disk a payment/),
    oneShard: latenciesOf(latency),
    twoShards: latenciesOf(resultOf('edge', true)).filter((measuredLatency) =>
      measuredLatency.name.startsWith('through'),
    ),
  };
}

function resultOf(suite: string, isOptional = false): ResultFile {
  for (const folder of FOLDERS) {
    const file = join(packageFile(folder), `${suite}.json`);
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as ResultFile;
  }
  if (isOptional) return { machine: { cpu: '', cores: 0 }, rows: [], latency: [] };
  throw new Error(`the suite ${suite} was never run here: \`make bench\` measures it`);
}

/** The last row whose name fits. */
function rowOf(result: ResultFile, name: string | RegExp): number {
  const row = result.rows.findLast((entry) =>
    typeof name === 'string' ? entry.name === name : name.test(entry.name),
  );
  if (!row) throw new Error(`the bench has no row "${name}": run \`make bench\` again`);
  return row.ours;
}

function latenciesOf(result: ResultFile): MeasuredLatency[] {
  const reached = result.latency.filter((entry) => entry.rate_achieved > 0.98 * entry.rate_target);
  return reached.map((entry) => ({
    name: entry.name,
    rate: entry.rate_target,
    p50: entry.p50,
    p99: entry.p99,
  }));
}
