/**
 * More than a year of payments, with the time moved: partitions are made ahead and dropped as
 * the processor does it, and every table but the books stops growing.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { processorConfig } from '../../../engine/config/config.js';
import { migrateAsOwner } from '../../../workers/postgres/migrate.js';
import {
  maintainPartitions,
  type TableSize,
  tableSizes,
} from '../../../workers/postgres/partitions.js';
import { addDays, monthDays } from '../../../workers/reconcile/calendar.js';
import { openConnection } from '../../../workers/reconcile/connection.js';
import { startPostgres } from '../../local/postgres.js';
import { freePorts } from '../../testing/engine-process.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { writeMonthOfPayments } from './growth-rows.js';

/** What is kept for good: one row or a few per payment, batch or report. */
const BOOKS = ['payments', 'ledger_entries', 'settled_movements', 'settlement_sources'];
const BOUNDED = [
  'psp_calls',
  'payment_events',
  'webhook_events',
  'webhook_event_ids',
  'settlement_lines',
];
const MONTHS = 26;
/** The retentions are over, so nothing but the books may grow from here to the end. */
const PLATEAU_FROM = 15;
const GROWTH_MAX = 1.05;

type Sizes = ReadonlyMap<string, number>;

export const growth: Proof = {
  name: 'growth',
  shows:
    'over 26 months of 1 000 payments per day, time moved, every table but the books stops growing',
  async run(stage: Stage) {
    const home = mkdtempSync(join(tmpdir(), 'tollgate-growth-'));
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    const dir = join(home, 'postgres');
    const postgres = await startPostgres({ dir, port, log: join(home, 'postgres.log') });
    try {
      await migrateAsOwner(postgres);
      const client = await openConnection(postgres.adminUrl);
      await years(stage, client);
      await client.end();
    } finally {
      await postgres.stop('SIGINT', 10_000);
      rmSync(home, { recursive: true, force: true });
    }
  },
};

async function years(stage: Stage, client: pg.Client): Promise<void> {
  const perMonth = stage.size(500, 30_000);
  const keep = processorConfig({});
  const history: Sizes[] = [];
  let month = '2030-01';
  for (let i = 0; i < MONTHS; i++) {
    const [first, next] = monthDays(month);
    await maintainPartitions(client, keep, new Date(`${first}T00:00:00Z`), true);
    await writeMonthOfPayments(client, month, perMonth);
    history.push(byTable(await tableSizes(client)));
    month = addDays(next, 0).slice(0, 7);
  }
  await mustNotStray(stage, client);
  for (const table of BOUNDED) mustBePlateau(stage, table, history);
  for (const table of BOOKS) mustBeBooks(stage, table, history, perMonth);
  const others = [...history.at(-1)!.keys()].filter((key) => ![...BOOKS, ...BOUNDED].includes(key));
  const grown = others.filter((other) => history.at(-1)!.get(other)! > history[0]!.get(other)!);
  stage.must(grown.length === 0, `other tables grow: ${grown.join(', ')}`);
}

function mustBePlateau(stage: Stage, table: string, history: readonly Sizes[]): void {
  const size = (i: number): number => history.at(i)!.get(table)!;
  const monthly = history.map((sizes) => (sizes.get(table)! / 1e6).toFixed(1));
  stage.figure(`${table}, MB by month`, monthly.join(' '));
  stage.must(size(2) > size(0), `${table} was not filled`);
  const most = Math.max(...history.slice(0, PLATEAU_FROM).map((sizes) => sizes.get(table)!));
  stage.must(size(-1) <= most * GROWTH_MAX, `${table} grows from ${most} to ${size(-1)} bytes`);
}

function mustBeBooks(
  stage: Stage,
  table: string,
  history: readonly Sizes[],
  perMonth: number,
): void {
  const bytes = history.at(-1)!.get(table)! - history[0]!.get(table)!;
  const perPayment = Math.round(bytes / (perMonth * (MONTHS - 1)));
  const megabytes = (history.at(-1)!.get(table)! / 1e6).toFixed(1);
  stage.figure(`${table}, kept for good`, `${megabytes} MB, ${perPayment} bytes per payment`);
}

/** Partitions were made in time. */
async function mustNotStray(stage: Stage, client: pg.Client): Promise<void> {
  for (const table of ['psp_calls', 'payment_events', 'webhook_events', 'settlement_lines']) {
    const { rowCount } = await client.query(`select 1 from ${table}_default limit 1`);
    stage.must(rowCount === 0, `${table}_default has rows`);
  }
}

function byTable(sizes: readonly TableSize[]): Sizes {
  const sums = new Map<string, number>();
  for (const { table, bytes } of sizes) sums.set(table, (sums.get(table) ?? 0) + bytes);
  return sums;
}
