/**
 * Connections to Postgres, and the classification of its errors: unreachable (retry later), a bad
 * row (find it), or a conflict between transactions (retry at once).
 */
import pg from 'pg';

const CONNECT_MS_MAX = 5_000;
const STATEMENT_MS_MAX = 30_000;

/** `int8` as a number: our amounts are below 10^12, sums are made in SQL. */
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is beyond 2^53`);
  return value;
});

/**
 * Every statement here looks rows up by key: it never scans a whole table, and its plan serves
 * any values. Making one takes longer than a small batch takes to run, so plans are kept; but not
 * for long, since one made while the tables were small is ruinous later.
 */
export const LOOK_UPS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const;
export const PLANS_SECONDS_MAX = 15;

/**
 * `sslmode` as libpq and psql have it: `require` asks for TLS and trusts any certificate, unless there is a
 * root certificate; `verify-ca` does not compare names. pg alone takes both for `verify-full`.
 */
export function libpqUrl(databaseUrl: string): string {
  if (!databaseUrl.includes('sslmode=') || databaseUrl.includes('uselibpqcompat='))
    return databaseUrl;
  return `${databaseUrl}&uselibpqcompat=true`;
}

/** What a connection is to the server, by parameter. */
export type SessionSettings = Readonly<Record<string, string | number>>;

export interface ConnectionOptions extends pg.ClientConfig {
  readonly session?: SessionSettings;
}

function clientConfig(databaseUrl: string): pg.ClientConfig {
  return {
    connectionString: libpqUrl(databaseUrl),
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: STATEMENT_MS_MAX + 5_000,
    keepAlive: true,
    application_name: 'tollgate',
  };
}

/** Set by a statement: a pooler takes few of them when a connection begins. */
function setStatements(session: SessionSettings): string {
  return Object.entries(session)
    .map(([name, value]) => `set ${name} = ${typeof value === 'number' ? value : `'${value}'`}`)
    .join('; ');
}

/** One connection. Without `session`, statements may take 30 s. Ended by its caller. */
export async function connect(
  databaseUrl: string,
  { session, ...config }: ConnectionOptions = {},
): Promise<pg.Client> {
  const client = new pg.Client({ ...clientConfig(databaseUrl), ...config });
  // A connection that breaks fails the statement under way, which says why.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(setStatements({ statement_timeout: STATEMENT_MS_MAX, ...session }));
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

/** For look-ups by key. */
export function openPool(
  databaseUrl: string,
  connectionsMax: number,
  { session, ...config }: ConnectionOptions = {},
): pg.Pool {
  const statements = setStatements({
    statement_timeout: STATEMENT_MS_MAX,
    ...LOOK_UPS,
    ...session,
  });
  const pool = new pg.Pool({
    ...clientConfig(databaseUrl),
    ...config,
    max: connectionsMax,
    maxLifetimeSeconds: PLANS_SECONDS_MAX,
    onConnect: async (client: pg.ClientBase) => {
      await client.query(statements);
    },
  });
  // An idle connection that breaks is replaced at the next use; one in use fails its query, and
  // would besides end the process by an event that no code listens to.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/**
 * The row itself is at fault and will stay so: SQLSTATE 22 and 23 (a value that the table refuses)
 * and 54 (a value too large for an index).
 */
export function isBadData(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? '';
  return /^(?:22|23|54)/.test(code) && code.length === 5;
}

/** Classes of SQLSTATE about the server, the connection or the schema: no row can be the cause. */
const SERVER_CLASSES = /^(?:08|25|28|3D|40|42|53|55|57|58|F0)/;

/**
 * Postgres is away, or answers so to every statement: the same rows may be written later.
 * Any other error may be the fault of one row, also an exception in code of ours.
 */
export function isAway(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return SERVER_CLASSES.test(error.code ?? '');
  const isOurs = [TypeError, RangeError, ReferenceError, SyntaxError, URIError].some(
    (type) => error instanceof type,
  );
  return !isOurs;
}

/** Runs `work` in one transaction on one connection. */
export async function transaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
