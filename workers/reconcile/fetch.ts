/**
 * Fetches every source's reports for a period, to disk and into Postgres. A report that cannot be
 * fetched or read affects that report only: it becomes a problem of its provider, and the run
 * continues.
 */
import { join } from 'node:path';
import type pg from 'pg';
import type { Period } from './calendar.js';
import { type ImportProgress, importReport } from './import.js';
import { saveReport } from './report-file.js';
import type { Report, SettlementSource } from './sources/source.js';

export interface SourceProblem {
  readonly provider: string;
  readonly kind: 'no_source' | 'report_failed';
  /** What happened to which report, without anything that differs from run to run. */
  readonly details: readonly string[];
  /** Payments of ours that the report would cover, where that is known. */
  readonly payments: number | null;
}

export interface Fetched {
  readonly sourceIds: readonly number[];
  readonly problems: readonly SourceProblem[];
}

export interface FetchOptions {
  readonly client: pg.Client;
  readonly sources: readonly SettlementSource[];
  readonly period: Period;
  /** Before the period's start: what the run before could not yet decide. */
  readonly from: Date;
  readonly folder: string;
  readonly enter: (step: 'fetch' | 'load', what: string) => Promise<void>;
  readonly onProgress: (step: 'fetch' | 'load', what: string, share?: number) => void;
}

/** More is not shown: a folder of bad files is one problem. */
const DETAILS_MAX = 20;
const DETAIL_CHARS_MAX = 300;

export async function fetchAll(options: FetchOptions): Promise<Fetched> {
  const sourceIds: number[] = [];
  /** By provider, which may have several sources. */
  const failures = new Map<string, string[]>();
  for (const source of options.sources) {
    const ours = failures.get(source.provider) ?? [];
    for (const report of await reportsOf(source, options, ours)) {
      const id = await loadReport(source.provider, report, options, ours);
      if (id !== undefined) sourceIds.push(id);
    }
    if (ours.length > 0) failures.set(source.provider, ours);
  }
  const problems = [...failures].map(([provider, all]): SourceProblem => {
    const details = all.slice(0, DETAILS_MAX);
    return { provider, kind: 'report_failed', details, payments: null };
  });
  return { sourceIds, problems };
}

async function reportsOf(
  source: SettlementSource,
  { period, from }: FetchOptions,
  failures: string[],
): Promise<readonly Report[]> {
  try {
    return await source.reports(period, from);
  } catch (error) {
    failures.push(detailOf('reports', error));
    return [];
  }
}

async function loadReport(
  provider: string,
  report: Report,
  options: FetchOptions,
  failures: string[],
): Promise<number | undefined> {
  const { client, folder, enter, onProgress } = options;
  const what = `${provider} ${report.name}`;
  await enter('fetch', what);
  try {
    const stream = await report.open();
    const file = await saveReport(stream, join(folder, provider), report.name, (bytes) =>
      onProgress('fetch', `${what}, ${(bytes / 1e6).toFixed(1)} MB`),
    );
    await enter('load', what);
    const onLines = ({ lines, bytes }: ImportProgress): void =>
      onProgress('load', `${what}, ${lines} lines`, bytes / Math.max(1, file.bytes));
    return await importReport(client, provider, report, file, onLines);
  } catch (error) {
    // Without Postgres nothing can be recorded: that is no fault of the report.
    await client.query('select 1');
    failures.push(detailOf(report.name, error));
    return undefined;
  }
}

function detailOf(name: string, error: unknown): string {
  return `${name}: ${(error as Error).message}`.slice(0, DETAIL_CHARS_MAX);
}
