/**
 * A pooler such as PgBouncer may stand in front of Postgres if each connection keeps its server
 * process (session mode). Transaction mode is refused, because it loses session state: advisory
 * locks, settings, prepared statements.
 */
import type pg from 'pg';
import { EngineError } from '../../engine/util/errors.js';
import { connect } from './pool.js';

/**
 * Told by two connections: one must not get the other's server process.
 * Throws EngineError `pooler_mode`.
 * @param first connected to `databaseUrl`, in no transaction
 */
export async function mustKeepSessions(first: pg.Client, databaseUrl: string): Promise<void> {
  const own = await processOf(first);
  const second = await connect(databaseUrl);
  try {
    await second.query('begin');
    if ((await processOf(second)) !== own && (await processOf(first)) === own) return;
  } finally {
    await second.end().catch(() => {});
  }
  throw new EngineError(
    'pooler_mode',
    'the pooler before Postgres is in transaction mode: set pool_mode = session for this database, or name Postgres itself in TOLLGATE_DATABASE_URL',
  );
}

async function processOf(client: pg.Client): Promise<number> {
  return (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
}
