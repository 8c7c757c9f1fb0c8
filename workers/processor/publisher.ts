/**
 * The outbox's loop: one process at a time (an advisory lock held by its connection) takes
 * what Postgres has and Kafka does not, sends it, marks it. No row is locked while Kafka is
 * waited for. The connection that dies takes the lock with it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { paymentStatus } from '../../engine/codec/records.js';
import type { Logger } from '../../engine/core/log.js';
import { paymentKey } from '../../engine/core/payment.js';
import { TOPICS } from '../../engine/core/topics.js';
import { markPublished, unpublished } from '../postgres/outbox.js';
import { connectionSettings, PLANS_SECONDS_MAX } from '../postgres/pool.js';
import type { Sender } from './sender.js';

const LOCK = 7_011_001;
const ROWS_MAX = 1_000;
/** Others change payments too: it looks so often by itself. */
const IDLE_MS = 20;
/** What is told to change is looked at so much later, together with what comes with it. */
const GATHER_MS = 2;
const FOLLOWER_MS = 500;
const RETRY_MS = 500;

export class OutboxPublisher {
  readonly #databaseUrl: string;
  readonly #sender: Sender;
  readonly #logger: Logger;
  #stopped = false;
  #loop: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  isLeader = false;
  published = 0;

  constructor(databaseUrl: string, sender: Sender, logger: Logger) {
    this.#databaseUrl = databaseUrl;
    this.#sender = sender;
    this.#logger = logger;
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
        this.#logger.warn({ reason: (error as Error).message }, 'the outbox waits');
        await sleep(RETRY_MS);
      }
    }
  }

  /** One connection's life: ask for the lock until it is ours, then publish. */
  async #session(): Promise<void> {
    const client = new pg.Client(connectionSettings(this.#databaseUrl));
    let isBroken = false;
    client.on('error', () => {
      isBroken = true;
    });
    await client.connect();
    // A mark that a crash of Postgres takes back is published again, as after our own.
    await client.query('set synchronous_commit = off');
    try {
      let plannedAt = Date.now();
      while (!this.#stopped && !isBroken) {
        if (Date.now() - plannedAt > PLANS_SECONDS_MAX * 1_000) {
          await client.query('discard plans');
          plannedAt = Date.now();
        }
        this.isLeader ||= await isLocked(client);
        if (!this.isLeader) await sleep(FOLLOWER_MS);
        else if ((await this.#publishOnce(client)) === 0) await this.#pause();
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
    const records = await unpublished(client, ROWS_MAX);
    if (records.length === 0) return 0;
    await this.#sender.send(
      records.map((it) => ({
        topic: TOPICS.status,
        partition: it.shard,
        key: Buffer.from(paymentKey(it.merchant, it.checkout_id)),
        value: paymentStatus.encode(it),
      })),
    );
    await markPublished(client, records);
    this.published += records.length;
    return records.length;
  }
}

async function isLocked(client: pg.Client): Promise<boolean> {
  const sql = 'select pg_try_advisory_lock($1) as ours';
  return (await client.query<{ ours: boolean }>(sql, [LOCK])).rows[0]?.ours === true;
}
