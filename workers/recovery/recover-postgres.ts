/**
 * Brings a Postgres that is older than Kafka proves up to date: payments from payments.accepted,
 * outcomes from payments.status, in one transaction; then the processors read payments.webhooks
 * again from its beginning. Every payment whose outcome is not known afterwards is marked, so that
 * its provider is asked (`find`) before anything is sent.
 */
import type pg from 'pg';
import {
  type CheckoutAccepted,
  checkoutAccepted,
  type PaymentStatus,
  paymentStatus,
  tryDecode,
} from '../../engine/codec/records.js';
import type { ProcessorConfig } from '../../engine/config/config.js';
import { paymentKey } from '../../engine/domain/payment.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';
import { EngineError } from '../../engine/util/errors.js';
import { OUTBOX_LOCK } from '../outbox/outbox-publisher.js';
import { candidatesFor } from '../payment/routing.js';
import { prepareSchema } from '../postgres/migrate.js';
import { isBadData, openPool, transaction } from '../postgres/pool.js';
import { chargeKey } from '../psp/port.js';
import { chargeWallet } from '../psp/wallet/operations.js';
import * as sql from './replay-sql.js';
import { rewind } from './rewind.js';
import { keepNewest } from './staleness.js';

const ROWS_MAX = 1_000;
const WALLET_METHOD = /^wallet_(.+)$/;

export interface RecoveredPostgres {
  readonly statuses: number;
  readonly checkouts: number;
  /** Payments that Postgres did not have. */
  readonly added: number;
  /** Payments that Postgres had in an older version. */
  readonly moved: number;
  /** Payments whose provider is asked now. */
  readonly unknown: number;
  /** What a person must look at, one line each. */
  readonly unresolved: readonly string[];
}

/** No processor may work meanwhile; one that waits because Postgres is older does not. */
export async function recoverPostgres(
  config: ProcessorConfig,
  group: string,
): Promise<RecoveredPostgres> {
  await prepareSchema(config.databaseUrl);
  const pool = openPool(config.databaseUrl, 1, {
    session: { statement_timeout: 0 },
    query_timeout: 0,
  });
  try {
    const recovered = await transaction(pool, (db) => replay(db, config));
    await rewind(config.kafkaBrokers, group, TOPICS.webhooks);
    return recovered;
  } finally {
    await pool.end();
  }
}

async function replay(db: pg.PoolClient, config: ProcessorConfig): Promise<RecoveredPostgres> {
  const lock = 'select pg_try_advisory_xact_lock($1) as ours';
  const isOurs = (await db.query<{ ours: boolean }>(lock, [OUTBOX_LOCK])).rows[0]?.ours;
  if (!isOurs)
    throw new EngineError('processors_running', 'a processor works with this database: stop all');
  // The sets below are large and their plans are made once.
  await db.query('set local enable_seqscan = on; set local plan_cache_mode = auto');
  await db.query(sql.CREATE_STATUSES);
  const unresolved: string[] = [];
  const statuses = await readStatuses(db, config.kafkaBrokers, unresolved);
  await db.query('analyze kafka_statuses');
  const { checkouts, added, refused } = await readCheckouts(db, config);
  await db.query(sql.CREATE_OWN);
  await db.query('analyze own_statuses');
  const moved = (await db.query(sql.MOVE_FORWARD)).rowCount ?? 0;
  await db.query(sql.ADD_EVENTS);
  await db.query(sql.ADD_ENTRIES);
  unresolved.push(...refused, ...(await chargeWallets(db)), ...(await withoutCheckout(db)));
  const unknown = (await db.query(sql.MARK_UNKNOWN)).rowCount ?? 0;
  return { statuses, checkouts, added, moved, unknown, unresolved };
}

async function readStatuses(
  db: pg.PoolClient,
  brokers: string,
  refused: string[],
): Promise<number> {
  const topic = (await topicIdentities(brokers, [TOPICS.status])).get(TOPICS.status);
  if (!topic) return 0;
  const next = new Map<number, number>();
  let count = 0;
  let newest = new Map<string, PaymentStatus>();
  const flush = async (): Promise<void> => {
    const rows = [...newest.values()].map(statusRow);
    newest = new Map();
    await inParts(db, rows, refused, (part) => db.query(sql.ADD_STATUSES, [JSON.stringify(part)]));
  };
  await readTopic(brokers, TOPICS.status, {}, async ({ value, partition, offset }) => {
    next.set(partition, offset + 1);
    const status = value && tryDecode(paymentStatus, value);
    if (!status) return;
    count++;
    keepNewest(newest, status);
    if (newest.size >= ROWS_MAX) await flush();
  });
  await flush();
  const offsets = [...next].map(([partition, next_offset]) => ({ partition, next_offset }));
  await db.query(sql.NOTE_REPLAYED, [topic.id, JSON.stringify(offsets)]);
  return count;
}

function statusRow(status: PaymentStatus) {
  const { fingerprint, next_action, ...rest } = status;
  return {
    ...rest,
    fingerprint: fingerprint?.toString('hex') ?? '',
    next_action: next_action === null ? null : JSON.parse(next_action),
  };
}

async function readCheckouts(
  db: pg.PoolClient,
  config: ProcessorConfig,
): Promise<{ checkouts: number; added: number; refused: string[] }> {
  let rows: ReturnType<typeof checkoutRow>[] = [];
  let checkouts = 0;
  let added = 0;
  const refused: string[] = [];
  const flush = async (): Promise<void> => {
    const batch = rows;
    rows = [];
    await inParts(db, batch, refused, async (part) => {
      const values = [JSON.stringify(part)];
      added += (await db.query<{ count: number }>(sql.ADD_PAYMENTS, values)).rows[0]!.count;
      await db.query(sql.ADD_CONFLICTS, values);
    });
  };
  await readTopic(config.kafkaBrokers, TOPICS.accepted, {}, async ({ value }) => {
    const checkout = value && tryDecode(checkoutAccepted, value);
    if (!checkout) return;
    checkouts++;
    rows.push(checkoutRow(checkout, config));
    if (rows.length >= ROWS_MAX) await flush();
  });
  if (rows.length > 0) await flush();
  return { checkouts, added, refused };
}

function checkoutRow(checkout: CheckoutAccepted, config: ProcessorConfig) {
  const { merchant, checkout_id, shard, amount, currency, payment_method } = checkout;
  const routed = { asked: checkout.provider, amount, currency, paymentMethod: payment_method };
  const candidates = candidatesFor(config, routed);
  return {
    ...{ merchant, checkout_id, shard, amount, currency, payment_method },
    fingerprint: checkout.fingerprint.toString('hex'),
    asked: checkout.provider,
    provider: candidates[0]!,
    is_certain: candidates.length === 1,
    idempotency_key: chargeKey(merchant, checkout_id, 1),
    accepted_ms: checkout.accepted_at,
  };
}

interface Named {
  readonly merchant: string;
  readonly checkout_id: string;
}

/** A batch with rows that the database refuses is split until these are alone; they are named. */
async function inParts<Row extends Named>(
  db: pg.PoolClient,
  rows: readonly Row[],
  refused: string[],
  write: (rows: readonly Row[]) => Promise<unknown>,
): Promise<void> {
  if (rows.length === 0) return;
  await db.query('savepoint part');
  try {
    await write(rows);
    await db.query('release savepoint part');
    return;
  } catch (error) {
    if (!isBadData(error)) throw error;
    await db.query('rollback to savepoint part');
    if (rows.length === 1) {
      const { merchant, checkout_id } = rows[0]!;
      refused.push(`${paymentKey(merchant, checkout_id)} is refused: ${(error as Error).message}`);
      return;
    }
  }
  const half = rows.length >> 1;
  await inParts(db, rows.slice(0, half), refused, write);
  await inParts(db, rows.slice(half), refused, write);
}

interface WalletCharge {
  readonly merchant: string;
  readonly checkout_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly payment_method: string;
  readonly idempotency_key: string;
}

/** @returns those that the wallet cannot pay: a credit was lost too */
async function chargeWallets(db: pg.PoolClient): Promise<string[]> {
  const unresolved: string[] = [];
  for (const row of (await db.query<WalletCharge>(sql.LOST_WALLET_CHARGES)).rows) {
    const name = WALLET_METHOD.exec(row.payment_method)?.[1] ?? '';
    const { merchant, checkout_id: checkoutId, currency, amount: amountMinor } = row;
    const movement = { key: row.idempotency_key, merchant, checkoutId, currency, amountMinor };
    await db.query('savepoint wallet_charge');
    const { operation, isReused } = await chargeWallet(db, movement, name);
    if (operation.outcome === 'approved' && !isReused) continue;
    await db.query('rollback to savepoint wallet_charge');
    unresolved.push(
      `${paymentKey(merchant, checkoutId)} is paid, but wallet ${name} lacks ${amountMinor} ${currency}: credit it, then run this again`,
    );
  }
  return unresolved;
}

async function withoutCheckout(db: pg.PoolClient): Promise<string[]> {
  const { rows } = await db.query<{ key: string; status: string }>(sql.UNRESOLVED);
  return rows.map(({ key, status }) => `${key} reads ${status}; payments.accepted has no checkout`);
}
