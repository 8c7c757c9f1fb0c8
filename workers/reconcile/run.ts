/**
 * One reconciliation of one period, step by step: fetch, heal, match, settle, report. Every
 * step may be repeated and then changes nothing more, so a run that was killed is run again.
 * One runner at a time; memory does not grow with the period. A run without all reports does
 * what it can, and is incomplete: it is run again, each time after a longer wait.
 */
import { join } from 'node:path';
import type pg from 'pg';
import { type Period, type PeriodKind, periodOf } from './calendar.js';
import { becomeRunner, openConnection } from './connection.js';
import { heal } from './correct.js';
import { fetchAll, type SourceProblem } from './fetch.js';
import { type Figure, match } from './match.js';
import { jsonText, type ReportFacts, type WrittenReport, writeReport } from './report.js';
import type { Scope } from './scope.js';
import type { ReconcileSettings } from './settings.js';
import { settle } from './settle.js';
import { ofUsedSources, recordProblems, withoutSource } from './source-items.js';
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
  /** Reports are missing, and nobody has decided to do without them. */
  readonly isIncomplete: boolean;
  readonly figures: readonly Figure[];
}

/** Until the next try: 1 minute, 2, 4, … up to 6 hours. */
const BACKOFF = `least(interval '6 hours', interval '1 minute' * power(2, least(r.tries + 1, 10)))`;
const FAILURE_CHARS_MAX = 300;

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
    const { kind, label, settings } = this.#request;
    const period = await periodOf(this.#client, settings, kind, label);
    this.#id = await this.#begin(period);
    try {
      return await this.#steps(period);
    } catch (error) {
      const what = `failed: ${(error as Error).message}`.slice(0, FAILURE_CHARS_MAX);
      // The connection may be what failed; the wait before the next try is stored already.
      await this.#client
        .query(`update reconciliation_runs set state = 'failed', step = $2 where id = $1`, [
          this.#id,
          what,
        ])
        .catch(() => {});
      throw error;
    }
  }

  async #steps(period: Period): Promise<RunResult> {
    const { kind, label, settings, now } = this.#request;
    const client = this.#client;
    const home = join(settings.reportsDir, await booksId(client));
    const [scope, problems] = await this.#scope(period, now, join(home, 'sources'));
    await this.#enter('heal');
    await heal(client, this.#id, scope);
    await this.#enter('match');
    const figures = await match(client, this.#id, scope, (done, of) =>
      this.#say('match', '', done / of),
    );
    const isIncomplete = await recordProblems(client, this.#id, period, problems);
    await this.#enter('settle');
    await settle(client, scope, now);
    await this.#enter('report');
    const isProvisional = period.until > now;
    const facts = { period, isProvisional, isIncomplete, figures };
    const report = await writeReport(client, join(home, `${kind}-${label}`), facts);
    await this.#finish(facts, report);
    return { ...report, runId: this.#id, ...facts };
  }

  /** Fetches and loads what the run has to look at. */
  async #scope(period: Period, now: Date, folder: string): Promise<[Scope, SourceProblem[]]> {
    const { settings, sources } = this.#request;
    const client = this.#client;
    const lateMs = settings.lateMinutes * 60_000;
    const from = new Date(period.from.getTime() - lateMs);
    const knownUntil = new Date(Math.min(period.until.getTime(), now.getTime()));
    const fetched = await fetchAll({
      client,
      sources,
      period,
      from,
      folder,
      enter: (step, what) => this.#enter(step, what),
      onProgress: (step, what, share) => this.#say(step, what, share),
    });
    const providers = [...new Set(sources.map((source) => source.provider))];
    const failed = fetched.problems.map((problem) => problem.provider);
    const unknown = await withoutSource(client, period, knownUntil, providers);
    const scope: Scope = {
      period,
      clock: settings,
      from,
      knownUntil,
      decidedUntil: new Date(knownUntil.getTime() - lateMs),
      providers,
      complete: providers.filter((provider) => !failed.includes(provider)),
      fees: settings.fees,
      feeRounding: settings.feeRounding,
      sourceIds: fetched.sourceIds,
    };
    const used = await ofUsedSources(client, fetched.problems, sources);
    return [scope, [...used, ...unknown]];
  }

  /** A period that was run before goes on in its row. Its next try is set first: a run may die. */
  async #begin(period: Period): Promise<number> {
    const { rows } = await this.#client.query<{ id: number }>(
      `insert into reconciliation_runs as r (kind, period, from_at, until_at, state, next_try_at)
       values ($1, $2, $3, $4, 'running', now() + interval '1 minute')
       on conflict (kind, period) do update set state = 'running', tries = r.tries + 1,
         next_try_at = now() + ${BACKOFF} returning id`,
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
  async #finish(facts: ReportFacts, report: WrittenReport): Promise<void> {
    const { isProvisional, isIncomplete } = facts;
    const state = isIncomplete ? 'incomplete' : isProvisional ? 'provisional' : 'finished';
    const figures = jsonText({ lines: facts.figures, items: report.counts });
    await this.#client.query(
      `update reconciliation_runs set state = $2, step = 'done', figures = $3,
         tries = case when $2 = 'incomplete' then tries else 0 end,
         next_try_at = case when $2 = 'incomplete' then next_try_at end,
         finished_at = case when figures = $3::jsonb then coalesce(finished_at, now()) else now() end
       where id = $1`,
      [this.#id, state, figures],
    );
  }

  #say(step: Step, what: string, share?: number): void {
    this.#request.onProgress({ step, what, share });
  }
}

async function booksId(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>(`select left(id::text, 8) as id from books`);
  return rows[0]!.id;
}
