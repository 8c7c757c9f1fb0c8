/** Brings the database to this release's tables; safe to run from every process at once. */
import { runner } from 'node-pg-migrate';
import { packageFile } from '../../engine/core/paths.js';

export async function migrate(databaseUrl: string): Promise<void> {
  await runner({
    databaseUrl,
    dir: packageFile('workers/postgres/migrations'),
    direction: 'up',
    migrationsTable: 'migrations',
    advisoryLockMode: 'wait',
    log: () => {},
  } as Parameters<typeof runner>[0]);
}
