/**
 * A pooler such as PgBouncer may stand before Postgres if a connection keeps its server process (session
 * mode). In transaction mode it would lose what a session holds: advisory locks, settings, prepared statements.
 */
import type pg from 'pg';
import { EngineError } from '../../engine/core/errors.js';
import { connect } from './pool.js';

/** Throws EngineError `pooler_mode`. Told by two connections: one must not get the other's server process. */
export async function mustKeepSessions(databaseUrl: string): Promise<void> {
  const clients: pg.Client[] = [];
  try {
    clients.push(await connect(databaseUrl));
    const first = await processOf(clients[0]!);
    clients.push(await connect(databaseUrl));
    await clients[1]!.query('begin');
    const second = await processOf(clients[1]!);
    if (second !== first && (await processOf(clients[0]!)) === first) return;
  } finally {
    await Promise.all(clients.map((it) => it.end().catch(() => {})));
  }
  throw new EngineError(
    'pooler_mode',
    'the pooler before Postgres is in transaction mode: set pool_mode = session for this database, or name Postgres itself in TOLLGATE_DATABASE_URL',
  );
}

async function processOf(client: pg.Client): Promise<number> {
  return (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
}
