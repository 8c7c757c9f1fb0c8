/**
 * Wallets in Postgres. Each operation is one statement, so one transaction: balance, the
 * operation under its key, two ledger entries. A key that is there already makes the whole
 * statement fail on the primary key and change nothing, and its first answer is read instead.
 *
 * The accounts stand in workers/ledger/accounts.ts: a charge moves from the wallet to
 * `provider:wallet`, from where the payment's own entries, as with every provider, move it on
 * to the merchant. So `provider:wallet` is zero whenever every wallet charge has its outcome
 * recorded.
 */
import type pg from 'pg';
import { newUlid } from '../../../engine/domain/ulid.js';
import { ACCOUNTS } from '../../ledger/accounts.js';

export interface WalletOperation {
  readonly reference: string;
  readonly operation: 'credit' | 'charge' | 'refund';
  readonly merchant: string;
  readonly checkout_id: string | null;
  readonly name: string;
  readonly currency: string;
  readonly amount_minor: number;
  readonly outcome: 'approved' | 'declined';
  readonly failure_code: string | null;
  readonly refunded_minor: number;
}

export interface WalletRow {
  readonly currency: string;
  readonly balance_minor: number;
}

export interface Movement {
  readonly key: string;
  readonly merchant: string;
  readonly checkoutId: string | null;
  readonly currency: string;
  readonly amountMinor: number;
}

/**
 * `isReused`: the key came with another meaning before; nothing is known of this one.
 * `isReplayed`: it came with the same meaning; nothing was changed now.
 */
export type Done = {
  readonly isReused: boolean;
  readonly isReplayed: boolean;
  readonly operation: WalletOperation;
};

const UNIQUE_VIOLATION = '23505';
const COLUMNS = `reference, operation, merchant, checkout_id, name, currency, amount_minor, outcome,
  failure_code, refunded_minor`;
const INSERT = `
insert into wallet_operations (idempotency_key, reference, operation, merchant, checkout_id, name,
  currency, amount_minor, outcome, failure_code)`;
const BOOK = `
insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
select 'wallet/' || o.idempotency_key, o.merchant, o.checkout_id, e.account, o.currency, e.amount
from operation o cross join lateral (values`;

const CHARGE = `
with debit as (
  update wallets set balance_minor = balance_minor - $7, updated_at = now()
  where merchant = $3 and name = $5 and currency = $6 and balance_minor >= $7 returning 1),
verdict as (
  select case
    when exists (select from debit) then null
    when exists (select from wallets where merchant = $3 and name = $5 and currency = $6)
      then 'insufficient_funds'
    else 'wallet_not_found' end as code),
operation as (${INSERT}
  select $1, $2, 'charge', $3, $4, $5, $6, $7,
    case when code is null then 'approved' else 'declined' end, code from verdict returning *),
entries as (${BOOK}
  ('${ACCOUNTS.wallet}' || o.merchant || '/' || o.name, o.amount_minor),
  ('${ACCOUNTS.provider}wallet', -o.amount_minor)) e(account, amount) where o.outcome = 'approved')
select ${COLUMNS} from operation`;

const REFUND = `
with charge as (
  update wallet_operations set refunded_minor = refunded_minor + $7
  where reference = $5 and operation = 'charge' and outcome = 'approved'
    and merchant = $3 and checkout_id = $4 and currency = $6
    and refunded_minor + $7 <= amount_minor
  returning name),
credit as (
  update wallets w set balance_minor = w.balance_minor + $7, updated_at = now()
  from charge c where w.merchant = $3 and w.name = c.name and w.currency = $6 returning w.name),
verdict as (
  select (select name from credit) as name, case
    when exists (select from credit) then null
    when exists (select from wallet_operations where reference = $5 and operation = 'charge'
      and outcome = 'approved' and merchant = $3 and checkout_id = $4) then 'refund_exceeds_charge'
    else 'not_found' end as code),
operation as (${INSERT}
  select $1, $2, 'refund', $3, $4, coalesce(name, ''), $6, $7,
    case when code is null then 'approved' else 'declined' end, code from verdict returning *),
entries as (${BOOK}
  ('${ACCOUNTS.wallet}' || o.merchant || '/' || o.name, -o.amount_minor),
  ('${ACCOUNTS.provider}wallet', o.amount_minor)) e(account, amount) where o.outcome = 'approved')
select ${COLUMNS} from operation`;

const CREDIT = `
with wallet as (
  insert into wallets (merchant, name, currency, balance_minor) values ($3, $5, $6, $7)
  on conflict (merchant, name, currency)
    do update set balance_minor = wallets.balance_minor + $7, updated_at = now()
  returning 1),
operation as (${INSERT}
  select $1, $2, 'credit', $3, $4, $5, $6, $7, 'approved', null from wallet returning *),
entries as (${BOOK}
  ('${ACCOUNTS.wallet}' || o.merchant || '/' || o.name, -o.amount_minor),
  ('${ACCOUNTS.funding}wallet', o.amount_minor)) e(account, amount))
select ${COLUMNS} from operation`;

export function chargeWallet(db: pg.ClientBase, movement: Movement, name: string): Promise<Done> {
  return operate(db, CHARGE, movement, 'wc', name);
}

export function refundWallet(
  db: pg.ClientBase,
  movement: Movement,
  reference: string,
): Promise<Done> {
  return operate(db, REFUND, movement, 'wr', reference);
}

export function creditWallet(db: pg.ClientBase, movement: Movement, name: string): Promise<Done> {
  return operate(db, CREDIT, movement, 'wf', name);
}

/** By reference where there is one, else by key. */
export async function findOperation(
  db: pg.ClientBase,
  by: { readonly key: string } | { readonly reference: string },
): Promise<WalletOperation | undefined> {
  const [column, value] = 'key' in by ? ['idempotency_key', by.key] : ['reference', by.reference];
  const text = `select ${COLUMNS} from wallet_operations where ${column} = $1`;
  return (await db.query<WalletOperation>(text, [value])).rows[0];
}

export async function readWallets(
  db: pg.ClientBase,
  merchant: string,
  name: string,
): Promise<WalletRow[]> {
  const text = `select currency, balance_minor from wallets
    where merchant = $1 and name = $2 order by currency`;
  return (await db.query<WalletRow>(text, [merchant, name])).rows;
}

/** @param subject the wallet's name, or the reference of the charge */
async function operate(
  db: pg.ClientBase,
  text: string,
  movement: Movement,
  prefix: string,
  subject: string,
): Promise<Done> {
  const { key, merchant, checkoutId, currency, amountMinor } = movement;
  const values = [
    key,
    `${prefix}_${newUlid()}`,
    merchant,
    checkoutId,
    subject,
    currency,
    amountMinor,
  ];
  try {
    const { rows } = await db.query<WalletOperation>(text, values);
    return { isReused: false, isReplayed: false, operation: rows[0]! };
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
  }
  const known = (await findOperation(db, { key }))!;
  const isSame =
    (known.operation === 'refund' || known.name === subject) &&
    known.merchant === merchant &&
    known.checkout_id === checkoutId &&
    known.currency === currency &&
    known.amount_minor === amountMinor;
  return { isReused: !isSame, isReplayed: isSame, operation: known };
}
