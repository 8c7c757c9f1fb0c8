/**
 * Lists and redrives dead letters. Dead payments come from Postgres, however old. Records that are
 * no payment (webhooks, undecodable records) come from the topic `payments.dlq` and stay open
 * until they were sent to their topic again. A redrive may be repeated, also concurrently: the
 * database lets one succeed.
 */
import type pg from 'pg';
import type { DeadLetter } from '../../engine/codec/records.js';
import { checkoutIdOf, paymentKey } from '../../engine/domain/payment.js';
import type { Logger } from '../../engine/util/log.js';
import type { Sender } from '../outbox/kafka-producer.js';
import {
  type DeadPaymentRow,
  deadAmong,
  listDead,
  markRedriven,
  redrivenAmong,
  redrivePayments,
} from '../postgres/dead-payments.js';
import { recordAct } from '../postgres/operator-actions.js';
import { transaction } from '../postgres/pool.js';
import { paymentOf, type ReadLetter, readLetters } from './dead-letter-reader.js';
import { SWEEPER } from './dead-letter-record.js';

const ROWS_MAX = 50_000;
const BATCH_MAX = 1_000;
/** Who redrives without a name. */
const UNNAMED = 'a token of the role operator';

export interface DlqParts {
  readonly brokers: string;
  readonly pool: pg.Pool;
  readonly sender: Sender;
  readonly logger: Logger;
}

export interface Letter {
  /** `merchant/checkout id` of a payment that is dead now, else `partition-offset` in payments.dlq. */
  readonly id: string;
  /** `closed`: redriven, or ended by other evidence. */
  readonly state: 'open' | 'closed';
  readonly reason: string;
  readonly detail: string;
  readonly attempts: number;
  readonly at: number;
  readonly key: string | null;
  readonly source_topic: string;
  readonly source_partition: number;
  readonly source_offset: number;
}

/** What may be named: at least one. All that are named must hold. */
export interface Selection {
  /** Letters' ids, `merchant/checkout id`, or checkout ids. */
  readonly ids?: readonly string[];
  readonly reason?: string;
  readonly older_than_ms?: number;
}

/** For `operator_acts`. */
export interface Asked {
  readonly actor?: string;
  readonly note?: string;
}

export interface Redriven {
  /** Letters that the selection names. */
  readonly matched: number;
  /** Of these, the ids of those that were freed now. */
  readonly redriven: readonly string[];
  /** Those that could not be sent to their topic again: they stay open. */
  readonly failed: readonly { readonly id: string; readonly reason: string }[];
}

export interface Listing {
  readonly dead_letters: Letter[];
  /** Why letters in Kafka could not be read: only payments are listed. */
  readonly letters_unread?: string;
}

type Entry =
  | { readonly letter: Letter; readonly row: DeadPaymentRow }
  | { readonly letter: Letter; readonly source: DeadLetter; readonly mark: string };

export class Dlq {
  readonly #parts: DlqParts;

  constructor(parts: DlqParts) {
    this.#parts = parts;
  }

  /** Oldest first, without what they hold. */
  async list(): Promise<Listing> {
    const { entries, unread } = await this.#read();
    const dead_letters = entries.map((entry) => entry.letter);
    return unread === undefined ? { dead_letters } : { dead_letters, letters_unread: unread };
  }

  /** One entry with what it holds: of a payment its row, of a letter its record in base64. */
  async show(id: string): Promise<object | undefined> {
    const { entries } = await this.#read();
    const found = entries.find((entry) => isNamed(entry.letter, [id]));
    if (!found) return undefined;
    if ('row' in found) return { ...found.letter, value: null, ticket: found.row };
    return { ...found.letter, value: found.source.value?.toString('base64') ?? null, ticket: null };
  }

  async redrive({ actor = UNNAMED, note, ...selection }: Selection & Asked): Promise<Redriven> {
    await recordAct(this.#parts.pool, { actor, action: 'dlq redrive', target: selection, note });
    const { entries } = await this.#read();
    const chosen = entries.filter((entry) => matches(entry.letter, selection, Date.now()));
    const open = chosen.filter((entry) => entry.letter.state === 'open');
    const failed: { id: string; reason: string }[] = [];
    const redriven: string[] = [];
    for (let i = 0; i < open.length; i += BATCH_MAX)
      redriven.push(...(await this.#redriveBatch(open.slice(i, i + BATCH_MAX), failed)));
    return { matched: chosen.length, redriven, failed };
  }

  async #redriveBatch(
    batch: readonly Entry[],
    failed: { id: string; reason: string }[],
  ): Promise<string[]> {
    const rows = batch.flatMap((entry) => ('row' in entry ? entry.row : []));
    const freed = await redrivePayments(this.#parts.pool, rows);
    const redriven: string[] = [];
    for (const entry of batch) {
      const { id } = entry.letter;
      const isFreed =
        'row' in entry
          ? freed.has(id)
          : await this.#sendAgain(entry).catch((error: Error) => {
              failed.push({ id, reason: error.message });
              return false;
            });
      if (isFreed) redriven.push(id);
    }
    return redriven;
  }

  #sendAgain({ source, mark }: { source: DeadLetter; mark: string }): Promise<boolean> {
    const { pool, sender } = this.#parts;
    return transaction(pool, async (client) => {
      if (!(await markRedriven(client, mark))) return false;
      const { source_topic: topic, source_partition: partition, key, value } = source;
      if (value) await sender.send([{ topic, partition, key: key ?? Buffer.alloc(0), value }]);
      return true;
    });
  }

  /** Kafka away: the payments alone, and why. */
  async #read(): Promise<{ entries: Entry[]; unread?: string }> {
    const { brokers, pool, logger } = this.#parts;
    const rows = await listDead(pool, ROWS_MAX);
    const payments = rows.map((row) => ({ letter: letterOfRow(row), row }));
    try {
      const letters = await this.#entriesOf(await readLetters(brokers));
      const entries = [...payments, ...letters].sort((a, b) => a.letter.at - b.letter.at);
      return { entries };
    } catch (error) {
      const unread = (error as Error).message;
      logger.warn({ reason: unread }, 'letters cannot be read: only dead payments are listed');
      return { entries: payments, unread };
    }
  }

  /** A letter of a payment that is dead now is left out: its row stands for it. */
  async #entriesOf(letters: readonly ReadLetter[]): Promise<Entry[]> {
    const { pool } = this.#parts;
    const named = letters.flatMap(({ source }) => paymentOf(source) ?? []);
    const [dead, redriven] = await Promise.all([
      deadAmong(pool, named),
      redrivenAmong(
        pool,
        letters.map((letter) => letter.mark),
      ),
    ]);
    return letters.flatMap(({ id, mark, source }) => {
      const payment = paymentOf(source);
      const isDead = payment && dead.has(paymentKey(payment.merchant, payment.checkout_id));
      if (isDead) return [];
      const isOpen = !payment && !redriven.has(mark);
      return [{ letter: letterOf(id, source, isOpen), source, mark }];
    });
  }
}

export function matches(letter: Letter, selection: Selection, now: number): boolean {
  const { ids, reason, older_than_ms } = selection;
  return (
    (ids === undefined || isNamed(letter, ids)) &&
    (reason === undefined || letter.reason === reason) &&
    (older_than_ms === undefined || now - letter.at >= older_than_ms)
  );
}

function isNamed({ id, key }: Letter, names: readonly string[]): boolean {
  return names.some((name) => name === id || name === key || name === (key && checkoutIdOf(key)));
}

function letterOfRow(row: DeadPaymentRow): Letter {
  const { reason, detail, attempts, at } = row;
  const key = paymentKey(row.merchant, row.checkout_id);
  const source = { source_topic: SWEEPER, source_partition: 0, source_offset: 0 };
  return { id: key, state: 'open', reason, detail, attempts, at, key, ...source };
}

function letterOf(id: string, source: DeadLetter, isOpen: boolean): Letter {
  const { key, value: _value, ...rest } = source;
  return { id, state: isOpen ? 'open' : 'closed', ...rest, key: key?.toString() ?? null };
}
