/** `tollgate recover postgres`: updates a restored Postgres to the state that Kafka proves. */
import type { Command } from 'commander';
import { payingConfig } from '../../engine/config/config.js';
import { PROCESSOR_GROUP } from '../../engine/domain/topics.js';
import { recoverPostgres } from '../../workers/recovery/recover-postgres.js';
import { useRunning } from './running.js';

const OPEN_ITEMS = 3;

export function registerRecover(program: Command): void {
  program
    .command('recover')
    .description('build lost data anew')
    .command('postgres')
    .description('replay Kafka into a Postgres that is older than payments.status proves')
    .option('--json', 'as JSON')
    .action(recover);
}

async function recover({ json }: { json?: boolean }): Promise<void> {
  useRunning();
  const found = await recoverPostgres(payingConfig(), PROCESSOR_GROUP);
  const { statuses, checkouts, added, moved, unknown, unresolved } = found;
  if (json) console.log(JSON.stringify(found));
  else {
    console.log(`read: ${checkouts} checkouts, ${statuses} statuses`);
    console.log(`payments: ${added} added, ${moved} moved forward`);
    console.log(
      `${unknown} have no known outcome: their providers are asked before anything is sent`,
    );
    for (const line of unresolved) console.log(`open: ${line}`);
  }
  if (unresolved.length > 0) process.exitCode = OPEN_ITEMS;
}
