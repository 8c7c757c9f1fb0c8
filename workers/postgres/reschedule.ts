/**
 * After Postgres' clock has stepped back, times that it set before are in its future, and rows
 * would wait for the length of the step. These rows become due at once. An early look at a row is
 * harmless, because the row decides the action.
 */
import type pg from 'pg';

/** Longer than any wait but the one that a provider's Retry-After asks for. */
const WAIT_HOURS_MAX = 2;

const TABLES = [
  ['payments', 'next_ask_at'],
  ['webhook_events', 'next_try_at'],
  ['late_captures', 'next_try_at'],
] as const;

/** Repeating it is harmless. @returns how many rows were made due */
export async function makeDueAgain(pool: pg.Pool): Promise<number> {
  let count = 0;
  for (const [table, column] of TABLES) {
    const { rowCount } = await pool.query(
      `update ${table} set ${column} = now()
       where ${column} > now() + interval '${WAIT_HOURS_MAX} hours'`,
    );
    count += rowCount ?? 0;
  }
  return count;
}
