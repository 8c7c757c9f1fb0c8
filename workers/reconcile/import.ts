/**
 * A report's lines into Postgres, batch by batch; a batch is there whole or not at all, so
 * an import that was killed goes on behind the last one. A file seen before is known by its
 * digest; a later version of a report replaces the earlier.
 */
import type pg from 'pg';
import { inTransaction } from './connection.js';
import { copyIn, type Field } from './copy-in.js';
import { readLines, type SettlementLine } from './lines.js';
import type { ReportFile } from './report-file.js';
import type { Report } from './sources/source.js';

const BATCH_LINES = 2_000;
const TARGET = `settlement_lines (source_id, line, provider, kind, movement, reference, merchant,
  checkout_id, dispute, amount_minor, currency, fee_minor, settled_currency, status, at)`;

interface Known {
  id: number;
  state: 'loading' | 'loaded' | 'superseded';
}

export interface ImportProgress {
  readonly lines: number;
  readonly bytes: number;
}

/** @returns the id under which the lines stand */
export async function importReport(
  client: pg.Client,
  provider: string,
  report: Report,
  file: ReportFile,
  onProgress: (progress: ImportProgress) => void,
): Promise<number> {
  const source = await register(client, provider, report.name, file);
  if (source.state === 'loaded') return source.id;
  await load(client, source.id, provider, report, file, onProgress);
  await inTransaction(client, async () => {
    await supersede(client, source.id, provider, report.name);
    await client.query(`update settlement_sources set state = 'loaded' where id = $1`, [source.id]);
  });
  await client.query('analyze settlement_lines');
  return source.id;
}

/** A version that was replaced and comes back is loaded anew. */
async function register(
  client: pg.Client,
  provider: string,
  name: string,
  file: ReportFile,
): Promise<Known> {
  const { rows } = await client.query<Known>(
    `insert into settlement_sources (provider, name, digest, bytes, state)
     values ($1, $2, $3, $4, 'loading')
     on conflict (provider, digest) do update set
       state = case when settlement_sources.state = 'superseded' then 'loading'
         else settlement_sources.state end
     returning id, state`,
    [provider, name, file.digest, file.bytes],
  );
  return rows[0]!;
}

async function load(
  client: pg.Client,
  id: number,
  provider: string,
  report: Report,
  file: ReportFile,
  onProgress: (progress: ImportProgress) => void,
): Promise<void> {
  const { rows } = await client.query<{ last: number }>(
    'select coalesce(max(line), 0) as last from settlement_lines where source_id = $1',
    [id],
  );
  const last = rows[0]!.last;
  let batch: Field[][] = [];
  let lines = 0;
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await copyIn(client, TARGET, batch);
    batch = [];
    onProgress({ lines, bytes });
  };
  for await (const line of readLines(file.path, report.amounts, (read) => (bytes = read))) {
    lines = line.line;
    if (lines <= last) continue;
    batch.push(fieldsOf(id, provider, line));
    if (batch.length === BATCH_LINES) await flush();
  }
  await flush();
}

async function supersede(
  client: pg.Client,
  id: number,
  provider: string,
  name: string,
): Promise<void> {
  const { rows } = await client.query<{ id: number }>(
    `update settlement_sources set state = 'superseded'
     where provider = $1 and name = $2 and id <> $3 and state <> 'superseded' returning id`,
    [provider, name, id],
  );
  await client.query('delete from settlement_lines where source_id = any($1)', [
    rows.map((row) => row.id),
  ]);
}

function fieldsOf(id: number, provider: string, line: SettlementLine): Field[] {
  return [
    id,
    line.line,
    provider,
    line.kind,
    line.movement,
    line.reference,
    line.merchant,
    line.checkoutId,
    line.dispute,
    line.amountMinor,
    line.currency,
    line.feeMinor,
    line.settledCurrency,
    line.status,
    line.at,
  ];
}
