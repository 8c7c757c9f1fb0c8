/** The ledger at the end of a test: whatever was done, it sums to zero in each currency. */
import pg from 'pg';

/** There is no ledger: Postgres is down, or a processor never came so far as to make tables. */
const NO_LEDGER = ['ECONNREFUSED', '42P01', '57P03'];

/** @returns what does not sum to zero, e.g. `USD 5` */
export async function imbalance(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ off: string }>(
      `select currency || ' ' || sum(amount_minor) as off from ledger_entries
       group by currency having sum(amount_minor) <> 0 order by 1`,
    );
    return rows.map((it) => it.off);
  } catch (error) {
    if (NO_LEDGER.includes((error as { code?: string }).code ?? '')) return [];
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}
