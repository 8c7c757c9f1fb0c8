/**
 * One connection for statements over whole sets: plans of its own (the pool's settings serve
 * look-ups by key), no short time-out, and the lock that lets one run at a time. The lock
 * goes with the connection, however its process ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { EngineError } from '../../engine/util/errors.js';
import { connect } from '../postgres/pool.js';

const LOCK = 7_011_005;
const STATEMENT_MS_MAX = 3_600_000;
const LOCK_LOOK_MS = 250;
const WHOLE_SETS = { jit: 'off', work_mem: '64MB', hash_mem_multiplier: 2 } as const;

export function openConnection(databaseUrl: string): Promise<pg.Client> {
  return connect(databaseUrl, {
    session: { statement_timeout: STATEMENT_MS_MAX, ...WHOLE_SETS },
    // Its timer would outlive a COPY; the server's own limit is enough.
    query_timeout: 0,
    application_name: 'tollgate-reconcile',
  });
}

/** Waits for the runner before us, at most `msMax`. Throws EngineError `runner_busy`. */
export async function becomeRunner(client: pg.Client, msMax: number): Promise<void> {
  const giveUpAt = Date.now() + msMax;
  while (!(await isRunner(client))) {
    if (Date.now() > giveUpAt)
      throw new EngineError('runner_busy', 'another reconciliation is under way: try later.', {
        canRetry: true,
      });
    await sleep(LOCK_LOOK_MS);
  }
}

/** All or nothing, on this connection. */
export async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

async function isRunner(client: pg.Client): Promise<boolean> {
  const sql = 'select pg_try_advisory_lock($1) as ours';
  return (await client.query<{ ours: boolean }>(sql, [LOCK])).rows[0]?.ours === true;
}
