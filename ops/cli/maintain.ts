/**
 * `tollgate maintain`: makes and drops partitions as a processor does every hour, and prints
 * the size of each table. For a database whose processors may not change tables.
 */
import type { Command } from 'commander';
import { processorConfig } from '../../engine/config/config.js';
import { prepareSchema } from '../../workers/postgres/migrate.js';
import { maintainPartitions, tableSizes } from '../../workers/postgres/partitions.js';
import { openConnection } from '../../workers/reconcile/connection.js';
import { useRunning } from './running.js';

export function registerMaintain(program: Command): void {
  program
    .command('maintain')
    .description(
      'make partitions ahead, drop those past their retention, print sizes by table and month',
    )
    .action(maintain);
}

async function maintain(): Promise<void> {
  useRunning();
  const config = processorConfig();
  await prepareSchema(config.databaseUrl);
  const client = await openConnection(config.databaseUrl);
  try {
    const { rows } = await client.query<{ now: Date }>('select clock_timestamp() as now');
    const dropped = await maintainPartitions(client, config, rows[0]!.now, true);
    for (const { table, month, bytes } of await tableSizes(client))
      console.log(
        `${table.padEnd(28)} ${month.padEnd(8)} ${(bytes / 1e6).toFixed(2).padStart(12)} MB`,
      );
    console.log(`${dropped} partitions dropped`);
  } finally {
    await client.end();
  }
}
