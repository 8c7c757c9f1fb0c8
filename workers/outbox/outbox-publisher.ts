/**
 * The outbox loop: one process at a time (an advisory lock held by its connection) takes changes
 * that Postgres has and Kafka does not, sends them, and marks them. No row is locked while it
 * waits for Kafka. If the connection dies, the lock is released with it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type PaymentStatus, paymentStatus } from '../../engine/codec/records.js';
import { paymentKey } from '../../engine/domain/payment.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { FailureLog } from '../../engine/util/failure-log.js';
import type { Logger } from '../../engine/util/log.js';
import type { PostgresGuard } from '../health/postgres-guard.js';
import { monotonicMs } from '../postgres/clock.js';
import { markConflictsPublished, unpublishedConflicts } from '../postgres/conflicts.js';
import { markPublished, unpublished } from '../postgres/outbox.js';
import { connect, LOOK_UPS, PLANS_SECONDS_MAX } from '../postgres/pool.js';
import type { Sender } from './kafka-producer.js';
import { Parked } from './key-backoff.js';

/** One process at a time holds it: the one that publishes. */
export const OUTBOX_LOCK = 7_011_001;
const ROWS_MAX = 1_000;
/** Others change payments too: it looks so often by itself. */
const IDLE_MS = 20;
/** What is told to change is looked at so much later, together with what comes with it. */
const GATHER_MS = 2;
const FOLLOWER_MS = 500;
const RETRY_MS = 500;
const CONFLICTS_MS = 250;
const CONFLICTS_RETRY_MS = 10_000;

export class OutboxPublisher {
  readonly #databaseUrl: string;
  readonly #sender: Sender;
  readonly #logger: Logger;
  readonly #guard: PostgresGuard;
  #stopped = false;
  #loop: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  readonly #parked = new Parked();
  readonly #failures: FailureLog;
  #conflictsAt = 0;
  isLeader = false;
  published = 0;

  constructor(databaseUrl: string, sender: Sender, logger: Logger, guard: PostgresGuard) {
    this.#databaseUrl = databaseUrl;
    this.#guard = guard;
    this.#sender = sender;
    this.#logger = logger;
    this.#failures = new FailureLog(logger, 'publishing statuses', 'info');
  }

  /** Payments whose status waits because it cannot be published. */
  get parked(): number {
    return this.#parked.count;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** A payment was changed by this process. */
  wake(): void {
    this.#wake?.();
  }

  /** Stops after the round under way; bounded when Kafka is away. */
  async stop(msMax: number): Promise<void> {
    this.#stopped = true;
    await Promise.race([this.#loop, sleep(msMax, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#session();
      } catch (error) {
        this.#failures.failed(error as Error);
        await sleep(RETRY_MS);
      }
    }
  }

  /** One connection's life: ask for the lock until it is ours, then publish. */
  async #session(): Promise<void> {
    const client = await connect(this.#databaseUrl, { session: LOOK_UPS });
    let isBroken = false;
    client.on('error', () => {
      isBroken = true;
    });
    try {
      await this.#guard.verify();
      // A mark that a crash of Postgres takes back is published again, as after our own.
      await client.query('set synchronous_commit = off');
      let plannedAt = monotonicMs();
      while (!this.#stopped && !isBroken) {
        if (monotonicMs() - plannedAt > PLANS_SECONDS_MAX * 1_000) {
          await client.query('discard plans');
          plannedAt = monotonicMs();
        }
        this.isLeader ||= await isLocked(client);
        if (!this.isLeader) await sleep(FOLLOWER_MS);
        else if ((await this.#publishOnce(client)) === 0) await this.#pause();
        this.#failures.succeeded();
      }
    } finally {
      this.isLeader = false;
      await client.end().catch(() => {});
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS);
      this.#wake = () => {
        this.#wake = undefined;
        clearTimeout(timer);
        setTimeout(resolve, GATHER_MS);
      };
    });
  }

  async #publishOnce(client: pg.Client): Promise<number> {
    const records = await unpublished(client, ROWS_MAX, this.#parked.keys(monotonicMs()));
    const payments = byPayment(records);
    const results = await Promise.allSettled(
      payments.map((payment) => this.#publishPayment(payment)),
    );
    const published = payments.filter((_, i) => results[i]!.status === 'fulfilled').flat();
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') this.#parked.free(keyOf(payments[i]![0]!));
      // None could be sent: that is Kafka's doing.
      else if (published.length === 0 && isSendFault(result.reason)) throw result.reason;
      else this.#park(payments[i]![0]!, result.reason);
    }
    if (published.length > 0) await markPublished(client, published);
    this.published += published.length;
    return published.length + (await this.#publishConflicts(client));
  }

  /** They are rare: looked for now and then, not at every change of a payment. */
  async #publishConflicts(client: pg.Client): Promise<number> {
    const now = performance.now();
    if (now < this.#conflictsAt) return 0;
    this.#conflictsAt = now + CONFLICTS_MS;
    const records = await unpublishedConflicts(client, ROWS_MAX);
    const results = await Promise.allSettled(
      records.map((record) => this.#publishPayment([record])),
    );
    const published = records.filter((_, i) => results[i]!.status === 'fulfilled');
    if (published.length > 0) await markConflictsPublished(client, published);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) {
      this.#conflictsAt = now + CONFLICTS_RETRY_MS;
      const key = keyOf(records[results.indexOf(failed)]!);
      this.#logger.error(
        { key, reason: (failed.reason as Error).message },
        'the status of a conflicting checkout cannot be published: it is tried again later',
      );
    }
    return published.length;
  }

  /** The versions of one payment, in order. Rejects with EncodingFault, or as the sender does. */
  async #publishPayment(versions: readonly PaymentStatus[]): Promise<void> {
    const records = versions.map((version) => ({
      topic: TOPICS.status,
      partition: version.shard,
      key: Buffer.from(keyOf(version)),
      value: encode(version),
    }));
    await this.#sender.send(records);
  }

  #park(payment: PaymentStatus, error: Error): void {
    const { merchant, checkout_id: checkoutId, shard } = payment;
    this.#parked.park(keyOf(payment), monotonicMs());
    const names = { merchant, checkoutId, shard, reason: error.message, stack: error.stack };
    this.#logger.error(names, 'a status cannot be published: it is tried again later');
  }
}

class EncodingFault extends Error {}

function isSendFault(error: unknown): boolean {
  return !(error instanceof EncodingFault);
}

function encode(status: PaymentStatus): Buffer {
  try {
    return paymentStatus.encode(status);
  } catch (cause) {
    throw new EncodingFault(`no PaymentStatus: ${(cause as Error).message}`, { cause });
  }
}

/** Those of one payment in order. */
function byPayment(records: readonly PaymentStatus[]): PaymentStatus[][] {
  const payments = new Map<string, PaymentStatus[]>();
  for (const record of records) {
    const key = keyOf(record);
    const versions = payments.get(key);
    if (versions) versions.push(record);
    else payments.set(key, [record]);
  }
  return [...payments.values()];
}

function keyOf({ merchant, checkout_id }: PaymentStatus): string {
  return paymentKey(merchant, checkout_id);
}

async function isLocked(client: pg.Client): Promise<boolean> {
  const sql = 'select pg_try_advisory_lock($1) as ours';
  return (await client.query<{ ours: boolean }>(sql, [OUTBOX_LOCK])).rows[0]?.ours === true;
}
