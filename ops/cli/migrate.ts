/**
 * `tollgate migrate`: brings the tables to this release's version as their owner, and grants the
 * user of the processors exactly what they need. It may be run again at any time.
 */
import type { Command } from 'commander';
import { stackConfig } from '../../engine/config/config.js';
import { ConfigurationError } from '../../engine/config/settings.js';
import { migrate, migrateAsOwner } from '../../workers/postgres/migrate.js';

export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the tables of Postgres to this version, grant processors their rights')
    .action(run);
}

async function run(): Promise<void> {
  const { externalDatabase: url, ownerUrl } = stackConfig();
  if (!url)
    throw new ConfigurationError([
      'TOLLGATE_DATABASE_URL: needed; `tollgate up` migrates the Postgres that it starts by itself',
    ]);
  if (ownerUrl) {
    const role = await migrateAsOwner({ ownerUrl, url });
    console.log(`the tables are at this version; ${role} has the rights of a processor`);
    return;
  }
  console.error(
    'tollgate: TOLLGATE_DATABASE_OWNER_URL is not set: the user of TOLLGATE_DATABASE_URL owns the tables',
  );
  await migrate(url);
  console.log('the tables are at this version');
}
