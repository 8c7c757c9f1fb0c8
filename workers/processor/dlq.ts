/**
 * The dead-letter queue for people: what is in it, and redriving it. A payment's letter is
 * open while its row is dead; any other until it was sent to its topic again. Redriving is
 * safe to repeat, also twice at once: the database lets one through.
 */
import type pg from 'pg';
import { type DeadLetter, deadLetter, retryTicket } from '../../engine/codec/records.js';
import { paymentKey } from '../../engine/core/payment.js';
import { TOPICS } from '../../engine/core/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import {
  deadAmong,
  markRedriven,
  type PaymentName,
  redrivenAmong,
  redrivePayments,
} from '../postgres/dead.js';
import { transaction } from '../postgres/pool.js';
import type { Sender } from './sender.js';

const LETTERS_MAX = 50_000;
const BATCH_MAX = 1_000;

export interface DlqParts {
  readonly brokers: string;
  readonly pool: pg.Pool;
  readonly sender: Sender;
}

export interface Letter {
  /** `partition-offset` in payments.dlq. */
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

export interface Redriven {
  /** Letters that the selection names. */
  readonly matched: number;
  /** Of these, the ids of those that were freed now. */
  readonly redriven: readonly string[];
  /** Those that could not be sent to their topic again: they stay open. */
  readonly failed: readonly { readonly id: string; readonly reason: string }[];
}

interface Read {
  readonly letter: Letter;
  readonly source: DeadLetter;
  readonly payment: PaymentName | null;
}

export class Dlq {
  readonly #parts: DlqParts;

  constructor(parts: DlqParts) {
    this.#parts = parts;
  }

  /** The newest letters, oldest first, without what they hold. */
  async list(): Promise<Letter[]> {
    return (await this.#read()).map((it) => it.letter);
  }

  /** One letter with what it holds: base64, and what could be read of it. */
  async show(id: string): Promise<object | undefined> {
    const found = (await this.#read()).find((it) => isNamed(it.letter, [id]));
    if (!found) return undefined;
    const { value } = found.source;
    const ticket = value && found.payment ? retryTicket.decode(value) : null;
    return { ...found.letter, value: value?.toString('base64') ?? null, ticket };
  }

  async redrive(selection: Selection): Promise<Redriven> {
    const chosen = (await this.#read()).filter((it) => matches(it.letter, selection, Date.now()));
    const open = chosen.filter((it) => it.letter.state === 'open');
    const redriven: string[] = [];
    const failed: { id: string; reason: string }[] = [];
    for (let i = 0; i < open.length; i += BATCH_MAX)
      redriven.push(...(await this.#redriveBatch(open.slice(i, i + BATCH_MAX), failed)));
    return { matched: chosen.length, redriven, failed };
  }

  /** Of several letters of one payment the first counts. */
  async #redriveBatch(
    batch: readonly Read[],
    failed: { id: string; reason: string }[],
  ): Promise<string[]> {
    const payments = batch.flatMap((it) => it.payment ?? []);
    const freed = await redrivePayments(this.#parts.pool, payments);
    const redriven: string[] = [];
    for (const it of batch) {
      const { payment, letter } = it;
      const isFreed = payment
        ? freed.delete(paymentKey(payment.merchant, payment.checkout_id))
        : await this.#sendAgain(it).catch((error: Error) => {
            failed.push({ id: letter.id, reason: error.message });
            return false;
          });
      if (isFreed) redriven.push(letter.id);
    }
    return redriven;
  }

  #sendAgain({ letter, source }: Read): Promise<boolean> {
    const { pool, sender } = this.#parts;
    return transaction(pool, async (client) => {
      if (!(await markRedriven(client, letter.id))) return false;
      const { source_topic: topic, source_partition: partition, key, value } = source;
      if (value) await sender.send([{ topic, partition, key: key ?? Buffer.alloc(0), value }]);
      return true;
    });
  }

  async #read(): Promise<Read[]> {
    const { brokers, pool } = this.#parts;
    const found: Omit<Read, 'letter'>[] = [];
    const ids: string[] = [];
    await readTopic(brokers, TOPICS.dlq, { partitions: 1, newestMax: LETTERS_MAX }, (message) => {
      const source = message.value && letterIn(message.value);
      if (!source) return;
      ids.push(`${message.partition}-${message.offset}`);
      found.push({ source, payment: paymentOf(source) });
    });
    const payments = found.flatMap((it) => it.payment ?? []);
    const [dead, redriven] = await Promise.all([
      deadAmong(pool, payments),
      redrivenAmong(pool, ids),
    ]);
    return found.map((it, i) => {
      const id = ids[i]!;
      const isOpen = it.payment
        ? dead.has(paymentKey(it.payment.merchant, it.payment.checkout_id))
        : !redriven.has(id);
      return { ...it, letter: letterOf(id, it.source, isOpen) };
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
  return names.some((it) => it === id || it === key || it === key?.slice(key.indexOf('/') + 1));
}

/** @returns undefined for what is no letter: it must not hide the others */
function letterIn(value: Buffer): DeadLetter | undefined {
  try {
    return deadLetter.decode(value);
  } catch {
    return undefined;
  }
}

/** A payment of ours: its letter holds a ticket. Names that Postgres cannot hold are none of ours. */
function paymentOf({ value }: DeadLetter): PaymentName | null {
  if (!value || !retryTicket.recognises(value)) return null;
  try {
    const { merchant, checkout_id } = retryTicket.decode(value);
    return `${merchant}${checkout_id}`.includes('\0') ? null : { merchant, checkout_id };
  } catch {
    return null;
  }
}

function letterOf(id: string, source: DeadLetter, isOpen: boolean): Letter {
  const { key, value: _value, ...rest } = source;
  return { id, state: isOpen ? 'open' : 'closed', ...rest, key: key?.toString() ?? null };
}
