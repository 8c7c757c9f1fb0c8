/**
 * The rights of the runtime role, table by table; only the owner has any other right. Partitions
 * are not listed, because they are accessed through their table only.
 */
import type pg from 'pg';

type Columns = readonly string[];

interface Rights {
  readonly insert?: true;
  readonly delete?: true;
  /** The columns that may change; true: all. */
  readonly update?: true | Columns;
}

const INSERT: Rights = { insert: true };
const changing = (...update: Columns): Rights => ({ insert: true, update });

/** The runtime role reads every table; these are its rights beyond that. */
export const TABLE_RIGHTS: Readonly<Record<string, Rights>> = {
  books: {},
  checkout_conflicts: changing('shard', 'published_at'),
  dead_letters_redriven: INSERT,
  late_captures: changing(
    ...['state', 'amount', 'currency', 'attempt', 'sent_at', 'tries', 'next_try_at', 'detail'],
    'updated_at',
  ),
  ledger_entries: INSERT,
  migrations: {},
  operator_acts: INSERT,
  payment_events: INSERT,
  payment_parts: changing('state', 'updated_at'),
  payments: { insert: true, update: true },
  psp_calls: INSERT,
  // Its trigger writes it.
  reconciliation_changes: {},
  reconciliation_items: { insert: true, update: true },
  reconciliation_runs: { insert: true, update: true },
  settled_movements: INSERT,
  settlement_batches: INSERT,
  settlement_days: INSERT,
  // A report that a newer one replaces.
  settlement_lines: { insert: true, delete: true },
  settlement_sources: changing('state'),
  status_replays: changing('next_offset', 'at'),
  wallet_operations: changing('refunded_minor'),
  wallets: changing('balance_minor', 'updated_at'),
  webhook_event_ids: changing('received_at'),
  webhook_events: { insert: true, update: true },
};

/** Of each function whether the runtime role may call it. Triggers run without this right. */
export const FUNCTION_RIGHTS: Readonly<Record<string, boolean>> = {
  accounting_day: true,
  accounting_day_start: true,
  add_partition: false,
  append_only: false,
  check_retention: false,
  forget_webhook_ids: true,
  item_changed: false,
  keep_partitions: false,
  ledger_balances: false,
  maintain_partitions: true,
  partition_bound: false,
  partition_key: false,
  ulid_floor: false,
  webhook_kept: false,
};

/** `select, insert, update (a, b)`, as GRANT has it. */
function privilegesOf({ insert, update, delete: isDeletable }: Rights): string {
  const columns = update === true ? 'update' : `update (${update?.join(', ')})`;
  return [
    'select',
    ...(insert ? ['insert'] : []),
    ...(update ? [columns] : []),
    ...(isDeletable ? ['delete'] : []),
  ].join(', ');
}

/** Gives the role exactly the rights above, in one transaction. Run by the owner. */
export async function grantRights(owner: pg.ClientBase, role: string): Promise<void> {
  await owner.query('begin');
  try {
    for (const statement of await statementsFor(owner, role)) await owner.query(statement);
    await owner.query('commit');
  } catch (error) {
    await owner.query('rollback').catch(() => {});
    throw error;
  }
}

async function statementsFor(owner: pg.ClientBase, role: string): Promise<string[]> {
  const { rows } = await owner.query<{ schema: string; database: string }>(
    'select current_schema() as schema, current_database() as database',
  );
  const [schema, database, to] = [rows[0]!.schema, rows[0]!.database, role].map((name) =>
    owner.escapeIdentifier(name),
  ) as [string, string, string];
  const functions = Object.entries(FUNCTION_RIGHTS).filter(([, isCallable]) => isCallable);
  return [
    // Two that grant at once would change the same rows of the catalogue.
    'select pg_advisory_xact_lock(7011017)',
    `revoke all on all tables in schema ${schema} from public, ${to}`,
    `revoke all on all functions in schema ${schema} from public, ${to}`,
    `revoke all on all sequences in schema ${schema} from public, ${to}`,
    `revoke create on schema ${schema} from public, ${to}`,
    `revoke create on database ${database} from public, ${to}`,
    `grant connect, temporary on database ${database} to ${to}`,
    `grant usage on schema ${schema} to ${to}`,
    ...Object.entries(TABLE_RIGHTS).map(
      ([table, rights]) => `grant ${privilegesOf(rights)} on ${table} to ${to}`,
    ),
    ...functions.map(([name]) => `grant execute on function ${name} to ${to}`),
  ];
}
