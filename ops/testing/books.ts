/**
 * Where the books of a system are, whether it is one shard or a cluster: what an audit reads
 * and compares.
 */
import pg from 'pg';
import type { KafkaTls } from '../../engine/config/config.js';

/** There is no ledger: Postgres is down, or a processor never came so far as to make tables. */
const NO_LEDGER = ['ECONNREFUSED', '42P01', '57P03'];

export interface Books {
  readonly api: string;
  /** PEM of who signed the API's certificate. */
  readonly ca?: string;
  /** What a merchant's requests carry, by merchant. */
  readonly headers: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly simulator: string;
  readonly postgres: string;
  readonly kafka: string;
  readonly kafkaTls?: KafkaTls;
  readonly admins: readonly string[];
  readonly processorAdmins: readonly string[];
  /** File of their tokens. */
  readonly adminTokenFile: string;
  /** Of `payments.accepted`, and of `payments.status`: one a shard. */
  readonly partitions: number;
  readonly shards: number;
}

/** A payment is known by its merchant and its id together. */
export interface PaymentName {
  readonly merchant: string;
  readonly id: string;
}

export function nameOf({ merchant, id }: PaymentName): string {
  return `${merchant}/${id}`;
}

/** @returns one value of a metrics page */
export async function readMetric(admin: string, name: string): Promise<number> {
  const page = await (await fetch(`${admin}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(page)?.[1]);
}

export async function query<Row extends pg.QueryResultRow>(
  system: { readonly endpoints: { readonly postgres: string } },
  sql: string,
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: system.endpoints.postgres });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

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
    return rows.map((row) => row.off);
  } catch (error) {
    if (NO_LEDGER.includes((error as { code?: string }).code ?? '')) return [];
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Captured charges in the provider's own ledger, by `merchant/id`. */
export async function capturedByPayment(simulator: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page = await (await fetch(`${simulator}/ledger?after=${after}`)).json();
    const { charges, next } = page as {
      charges: { merchant: string; checkout_id: string; status: string }[];
      next?: number;
    };
    for (const { merchant, checkout_id, status } of charges) {
      const name = nameOf({ merchant, id: checkout_id });
      if (status === 'captured') counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    after = next;
  }
  return counts;
}
