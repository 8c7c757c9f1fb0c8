/**
 * Tables partitioned by month. Partitions are created two months ahead and dropped when their
 * month ended longer ago than the settings allow. Each step is its own transaction with a short
 * lock time-out, so payments wait no longer than that; a failed step is repeated in the next pass.
 */
import type pg from 'pg';
import type { ProcessorConfig } from '../../engine/config/config.js';

export type Keep = Pick<
  ProcessorConfig,
  'keepCallsMonths' | 'keepEventsMonths' | 'keepWebhooksMonths' | 'keepLinesMonths'
>;

const LOCK_MS_MAX = 2_000;
/** One maintainer at a time. */
const LOCK = 7_011_010;
const IDS_PER_DELETE = 10_000;

function tablesOf(keep: Keep): [table: string, months: number][] {
  return [
    ['psp_calls', keep.keepCallsMonths],
    ['payment_events', keep.keepEventsMonths],
    ['webhook_events', keep.keepWebhooksMonths],
    ['settlement_lines', keep.keepLinesMonths],
  ];
}

/**
 * @param at the time by which months end
 * @param canDrop false: partitions are only made, e.g. while clocks disagree
 * @returns how many partitions were dropped
 */
export async function maintainPartitions(
  client: pg.ClientBase,
  keep: Keep,
  at: Date,
  canDrop: boolean,
): Promise<number> {
  let dropped = 0;
  for (const [table, months] of tablesOf(keep)) {
    // Made first: the lock of a partition, held while the table's is awaited, could be a deadlock.
    await maintainTable(client, table, null, at);
    if (canDrop) dropped += await maintainTable(client, table, months, at);
  }
  if (canDrop) await forgetIds(client, keep.keepWebhooksMonths, at);
  return dropped;
}

async function maintainTable(
  client: pg.ClientBase,
  table: string,
  keepMonths: number | null,
  at: Date,
): Promise<number> {
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = ${LOCK_MS_MAX}; set local enable_seqscan = on`);
    const { rows: lock } = await client.query<{ ours: boolean }>(
      'select pg_try_advisory_xact_lock($1) as ours',
      [LOCK],
    );
    if (!lock[0]!.ours) return 0;
    const { rows } = await client.query<{ dropped: number }>(
      'select maintain_partitions($1, $2, $3) as dropped',
      [table, keepMonths, at],
    );
    await client.query('commit');
    return rows[0]!.dropped;
  } finally {
    // After the commit it does nothing.
    await client.query('rollback').catch(() => {});
  }
}

/** The ids of webhooks whose partition is dropped. */
async function forgetIds(client: pg.ClientBase, keepMonths: number, at: Date): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ forgotten: number }>(
      'select forget_webhook_ids($1, $2, $3) as forgotten',
      [keepMonths, at, IDS_PER_DELETE],
    );
    if (rows[0]!.forgotten < IDS_PER_DELETE) return;
  }
}

export interface TableSize {
  /** The table, or that of the partition. */
  readonly table: string;
  /** YYYY-MM, `default`, or empty for a table without partitions. */
  readonly month: string;
  /** With its indexes. */
  readonly bytes: number;
}

/** Every table of ours, partitions by month. */
export async function tableSizes(client: pg.ClientBase): Promise<TableSize[]> {
  const { rows } = await client.query<TableSize>(
    `select coalesce(parent.relname, c.relname) as table,
       case when parent.relname is null then ''
         else replace(substr(c.relname, length(parent.relname) + 2), '_', '-') end as month,
       pg_total_relation_size(c.oid) as bytes
     from pg_class c
     left join pg_inherits h on h.inhrelid = c.oid
     left join pg_class parent on parent.oid = h.inhparent
     where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
     order by 1, 2`,
  );
  return rows;
}
