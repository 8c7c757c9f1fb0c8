/**
 * `tollgate reset`: an empty start. Removes what `make run` and `make cluster` have stored in this
 * home; certificates and the reports of providers stay.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { engineConfig, stackConfig } from '../../engine/config/config.js';
import { EngineError } from '../../engine/util/errors.js';
import { claimHome } from '../local/orphans.js';

const REMOVED = ['data', 'cluster', 'logs', 'reports', 'endpoints.json'];
const MB = 1e6;

export function registerReset(program: Command): void {
  program
    .command('reset')
    .description(
      'remove all payments, logs and reports of the system that was run in TOLLGATE_HOME',
    )
    .action(async () => {
      const { home, externalKafka, externalDatabase } = stackConfig();
      const { dataDir, production } = engineConfig();
      if (production) throw unfit('TOLLGATE_PRODUCTION is on: nothing is removed');
      // Half of a system that is empty is refused at the next start: the rest is not ours to empty.
      if (externalKafka || externalDatabase)
        throw unfit(
          'Kafka or Postgres of your own are set (TOLLGATE_KAFKA_BROKERS, TOLLGATE_DATABASE_URL): empty them yourself, then unset them for this command',
        );
      if (!dataDir.startsWith(join(home, '/')))
        throw unfit(`TOLLGATE_DATA_DIR is outside of ${home}: remove ${dataDir} yourself`);
      if (!existsSync(home)) return console.log(`${home} is not there: nothing to remove`);
      const claim = await claimHome(home);
      try {
        for (const name of REMOVED) remove(join(home, name));
      } finally {
        claim.release();
      }
    });
}

function remove(path: string): void {
  if (!existsSync(path)) return;
  const bytes = bytesBelow(path);
  rmSync(path, { recursive: true });
  console.log(`removed ${path} (${(bytes / MB).toFixed(1)} MB)`);
}

function bytesBelow(path: string): number {
  if (!statSync(path).isDirectory()) return statSync(path).size;
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  const sizes = files.map(
    (file) => statSync(join(path, file), { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function unfit(message: string): EngineError {
  return new EngineError('reset_refused', message);
}
