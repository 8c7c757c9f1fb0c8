/**
 * One reconciliation of one period, step by step: fetch, heal, match, settle, report. Every
 * step may be repeated and then changes nothing more, so a run that was killed is run again.
 * One runner at a time; memory does not grow with the period.
 */
import { join } from 'node:path';
import type pg from 'pg';
import { type Period, type PeriodKind, periodOf } from './calendar.js';
import { becomeRunner, openConnection } from './connection.js';
import { heal } from './heal.js';
import { importReport } from './import.js';
import { type Figure, match } from './match.js';
import { type WrittenReport, writeReport } from './report.js';
import { saveReport } from './report-file.js';
import type { Scope } from './scope.js';
import type { ReconcileSettings } from './settings.js';
import { settle } from './settle.js';
import type { SettlementSource } from './sources/source.js';

export const STEPS = ['fetch', 'load', 'heal', 'match', 'settle', 'report'] as const;
export type Step = (typeof STEPS)[number];

export interface Progress {
  readonly step: Step;
  readonly what: string;
  /** 0 to 1; undefined when the end is not known. */
  readonly share: number | undefined;
}

export interface RunRequest {
  readonly kind: PeriodKind;
  readonly label: string;
  readonly settings: ReconcileSettings;
  readonly sources: readonly SettlementSource[];
  readonly onProgress: (progress: Progress) => void;
  /** How long to wait for the runner before us. */
  readonly busyMsMax: number;
  readonly now: Date;
}

export interface RunResult extends WrittenReport {
  readonly runId: number;
  readonly period: Period;
  readonly isProvisional: boolean;
  readonly figures: readonly Figure[];
}

export async function reconcile(request: RunRequest): Promise<RunResult> {
  const client = await openConnection(request.settings.databaseUrl);
  try {
    await becomeRunner(client, request.busyMsMax);
    return await new Run(client, request).go();
  } finally {
    await client.end();
  }
}

class Run {
  readonly #client: pg.Client;
  readonly #request: RunRequest;
  #id = 0;

  constructor(client: pg.Client, request: RunRequest) {
    this.#client = client;
    this.#request = request;
  }

  async go(): Promise<RunResult> {
    const { kind, label, settings, now } = this.#request;
    const client = this.#client;
    const period = await periodOf(client, settings, kind, label);
    this.#id = await this.#begin(period);
    const scope = await this.#scope(period, now);
    await this.#enter('heal');
    await heal(client, this.#id, scope);
    await this.#enter('match');
    const figures = await match(client, this.#id, scope, (done, of) =>
      this.#say('match', '', done / of),
    );
    await this.#enter('settle');
    await settle(client, scope, now);
    await this.#enter('report');
    const isProvisional = period.until > now;
    const folder = join(settings.reportsDir, `${kind}-${label}`);
    const report = await writeReport(client, folder, { period, isProvisional, figures });
    await this.#finish(isProvisional, figures, report);
    return { ...report, runId: this.#id, period, isProvisional, figures };
  }

  /** Fetches and loads what the run has to look at. */
  async #scope(period: Period, now: Date): Promise<Scope> {
    const { settings, sources } = this.#request;
    const lateMs = settings.lateMinutes * 60_000;
    const from = new Date(period.from.getTime() - lateMs);
    const knownUntil = new Date(Math.min(period.until.getTime(), now.getTime()));
    const sourceIds: number[] = [];
    for (const source of sources) sourceIds.push(...(await this.#fetch(source, period, from)));
    return {
      period,
      clock: settings,
      from,
      knownUntil,
      decidedUntil: new Date(knownUntil.getTime() - lateMs),
      providers: sources.map((it) => it.provider),
      fees: settings.fees,
      sourceIds,
    };
  }

  async #fetch(source: SettlementSource, period: Period, from: Date): Promise<number[]> {
    const ids: number[] = [];
    const { provider } = source;
    const folder = join(this.#request.settings.reportsDir, 'sources', provider);
    for (const report of await source.reports(period, from)) {
      const what = `${provider} ${report.name}`;
      await this.#enter('fetch', what);
      const file = await saveReport(await report.open(), folder, report.name, (bytes) =>
        this.#say('fetch', `${what}, ${(bytes / 1e6).toFixed(1)} MB`),
      );
      await this.#enter('load', what);
      ids.push(
        await importReport(this.#client, provider, report, file, ({ lines, bytes }) =>
          this.#say('load', `${what}, ${lines} lines`, bytes / Math.max(1, file.bytes)),
        ),
      );
    }
    return ids;
  }

  /** A period that was run before goes on in its row. */
  async #begin(period: Period): Promise<number> {
    const { rows } = await this.#client.query<{ id: number }>(
      `insert into reconciliation_runs (kind, period, from_at, until_at, state)
       values ($1, $2, $3, $4, 'running')
       on conflict (kind, period) do update set state = 'running' returning id`,
      [period.kind, period.label, period.from, period.until],
    );
    return rows[0]!.id;
  }

  async #enter(step: Step, what = ''): Promise<void> {
    this.#say(step, what);
    await this.#client.query('update reconciliation_runs set step = $2 where id = $1', [
      this.#id,
      what === '' ? step : `${step} ${what}`,
    ]);
  }

  /** The time of the first finish stands as long as nothing else was found. */
  async #finish(
    isProvisional: boolean,
    lines: readonly Figure[],
    report: WrittenReport,
  ): Promise<void> {
    const state = isProvisional ? 'provisional' : 'finished';
    const figures = JSON.stringify({ lines, items: report.counts });
    await this.#client.query(
      `update reconciliation_runs set state = $2, step = 'done', figures = $3,
         finished_at = case when figures = $3::jsonb then coalesce(finished_at, now()) else now() end
       where id = $1`,
      [this.#id, state, figures],
    );
  }

  #say(step: Step, what: string, share?: number): void {
    this.#request.onProgress({ step, what, share });
  }
}
