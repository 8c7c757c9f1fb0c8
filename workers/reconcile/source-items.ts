/**
 * An open item per period for each provider whose reports could not all be had: without it a
 * run that compared nothing would read as "nothing open". It closes by itself once a run of
 * the same period has all reports.
 */
import type pg from 'pg';
import type { Period } from './calendar.js';
import type { SourceProblem } from './fetch.js';
import { UPSERT_ITEM } from './items.js';
import { OUR_TIME } from './match.js';
import type { SettlementSource } from './sources/source.js';

/** Providers with money of ours in the period, and nobody to ask about it. */
export async function withoutSource(
  client: pg.Client,
  period: Period,
  until: Date,
  providers: readonly string[],
): Promise<SourceProblem[]> {
  const { rows } = await client.query<{ provider: string; payments: number }>(
    `select p.provider, count(*) as payments
     from payments p cross join lateral (${OUR_TIME}) t
     where p.status = 'succeeded' and p.provider <> all($3::text[]) and p.updated_at >= $1
       and t.at >= $1 and t.at < $2
     group by p.provider order by p.provider`,
    [period.from, until, providers],
  );
  const details = ['no source is configured for the reports of this provider'];
  return rows.map((row) => ({ ...row, kind: 'no_source', details }));
}

/** Without those of sources that are there by default and that no payment of ours needs. */
export async function ofUsedSources(
  client: pg.Client,
  problems: readonly SourceProblem[],
  sources: readonly SettlementSource[],
): Promise<SourceProblem[]> {
  const assumed = sources.filter((source) => source.isAssumed).map((source) => source.provider);
  const { rows } = await client.query<{ provider: string }>(
    `select provider from unnest($1::text[]) a(provider) where not exists (
       select 1 from payments p where p.provider = a.provider and p.provider_reference is not null)`,
    [assumed],
  );
  const unused = new Set(rows.map((row) => row.provider));
  return problems.filter((problem) => !unused.has(problem.provider));
}

/** @returns whether one is open: nobody has decided to do without those reports */
export async function recordProblems(
  client: pg.Client,
  runId: number,
  period: Period,
  problems: readonly SourceProblem[],
): Promise<boolean> {
  const subject = `source:${period.label}`;
  await client.query(
    `insert into reconciliation_items (run_id, kind, provider, subject, ours, theirs, state, at,
       reason, actor)
     select $1::bigint, kind, provider, $2,
       case when payments is not null then jsonb_build_object('payments', payments) end,
       jsonb_build_object('problems', details), 'open', $3, 'found', 'reconciliation'
     from json_to_recordset($4) as p(provider text, kind text, details jsonb, payments bigint)
     ${UPSERT_ITEM}`,
    [runId, subject, period.from, JSON.stringify(problems)],
  );
  await client.query(
    `update reconciliation_items set state = 'healed', reason = 'a later run had all reports',
       actor = 'rule', updated_at = now()
     where subject = $1 and state = 'open' and provider <> all($2::text[])`,
    [subject, problems.map((problem) => problem.provider)],
  );
  const { rows } = await client.query<{ open: boolean }>(
    `select exists (select 1 from reconciliation_items where subject = $1 and state = 'open') as open`,
    [subject],
  );
  return rows[0]!.open;
}
