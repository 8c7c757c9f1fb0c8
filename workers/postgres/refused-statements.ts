/** Statements that the runtime role must be refused. A test and a proof try each of them. */
import type pg from 'pg';
import { TABLE_RIGHTS } from './grants.js';

/** @param owner asked for the partitions that there are */
export async function refusedToRuntime(owner: pg.ClientBase): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `select relname as name from pg_class
     where relnamespace = current_schema()::regnamespace and relispartition and relkind = 'r'`,
  );
  const ownerName = await nameOf(owner);
  return [
    ...Object.keys(TABLE_RIGHTS).flatMap(onTable),
    ...rows.flatMap(({ name }) => [...onTable(name), `delete from ${name}`, `select from ${name}`]),
    ...Object.entries(TABLE_RIGHTS)
      .filter(([, rights]) => rights.delete !== true)
      .map(([table]) => `delete from ${table}`),
    ...Object.entries(TABLE_RIGHTS)
      .filter(([, rights]) => rights.update === undefined)
      .map(([table]) => `update ${table} set ${FIRST_COLUMNS[table]} = null`),
    'create table mine (id integer)',
    'create schema mine',
    `create function mine() returns integer language sql as 'select 1'`,
    'create or replace function append_only() returns trigger language plpgsql as $$begin return null; end$$',
    'drop function append_only() cascade',
    'alter function maintain_partitions(text, integer, timestamptz) owner to current_user',
    `select add_partition('psp_calls', date '2020-01-01')`,
    'set session_replication_role = replica',
    `set session authorization ${ownerName}`,
    `set role ${ownerName}`,
    'create role mine',
    `copy books to program 'true'`,
    `alter system set fsync = off`,
  ];
}

const onTable = (table: string): string[] => [
  `alter table ${table} disable trigger all`,
  `alter table ${table} add column mine integer`,
  `alter table ${table} owner to current_user`,
  `create trigger mine before insert on ${table} for each row execute function append_only()`,
  `truncate ${table}`,
  `drop table ${table} cascade`,
];

/** A column of each table whose rows never change. */
const FIRST_COLUMNS: Readonly<Record<string, string>> = {
  books: 'id',
  dead_letters_redriven: 'letter_id',
  ledger_entries: 'amount_minor',
  migrations: 'name',
  operator_acts: 'note',
  payment_events: 'reason',
  psp_calls: 'outcome',
  reconciliation_changes: 'reason',
  settled_movements: 'fee_minor',
  settlement_batches: 'net_minor',
  settlement_days: 'day',
  settlement_lines: 'amount_minor',
};

async function nameOf(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ name: string }>('select current_user as name');
  return rows[0]!.name;
}
