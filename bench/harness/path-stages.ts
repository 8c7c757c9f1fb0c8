/**
 * Measures each stage of a processor's work alone and bare: consume the records, call the
 * provider, write two rows and update one of them.
 */
import rdkafka, { type KafkaConsumer } from 'node-rdkafka';
import pg from 'pg';
import { Pool } from 'undici';
import { TOPICS } from '../../engine/domain/topics.js';
import { clientSettings } from '../../engine/kafka/client.js';
import type { Backlog } from './backlog.js';

const BATCH = 500;
const CALLS_AT_ONCE = 128;
const CONSUME_MAX = 1_000;
const CONSUME_MS = 50;

export interface Parts {
  /** Payments a second. */
  readonly consume: number;
  readonly http: number;
  readonly insert: number;
  /** If the three were done one after another. */
  readonly sum: number;
}

let runs = 0;

export async function partsOf(backlog: Backlog, payments: number): Promise<Parts> {
  const prefix = `parts${runs++}`;
  const consume = payments / (await consumeSeconds(backlog.brokers, payments));
  const http = payments / (await httpSeconds(backlog.simulatorUrl, payments, prefix));
  const insert = payments / (await insertSeconds(backlog.databaseUrl, payments, prefix));
  return { consume, http, insert, sum: 1 / (1 / consume + 1 / http + 1 / insert) };
}

async function consumeSeconds(brokers: string, records: number): Promise<number> {
  const settings = { ...clientSettings(brokers, 'bench'), 'group.id': `parts-${Date.now()}` };
  const consumer = new rdkafka.KafkaConsumer(
    { ...settings, 'enable.auto.commit': false },
    { 'auto.offset.reset': 'earliest' },
  );
  await new Promise<void>((resolve) => consumer.once('ready', () => resolve()).connect());
  consumer.setDefaultConsumeTimeout(CONSUME_MS);
  consumer.subscribe([TOPICS.accepted]);
  let since = 0;
  for (let seen = 0; seen < records; ) {
    const count = await consumed(consumer);
    if (count > 0) since ||= performance.now();
    seen += count;
  }
  const seconds = (performance.now() - since) / 1_000;
  await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  return seconds;
}

/** Batches that are asked for, since a consumer in flowing mode may be torn down under its loop. */
function consumed(consumer: KafkaConsumer): Promise<number> {
  return new Promise((resolve, reject) =>
    consumer.consume(CONSUME_MAX, (error, messages) =>
      error ? reject(error) : resolve(messages.length),
    ),
  );
}

async function httpSeconds(url: string, calls: number, prefix: string): Promise<number> {
  const pool = new Pool(url, { connections: CALLS_AT_ONCE });
  const since = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let n = next++; n < calls; n = next++) {
      const id = `${prefix}-${n}`;
      const answer = await pool.request({
        method: 'POST',
        path: '/v1/charges',
        headers: { 'content-type': 'application/json', 'idempotency-key': id },
        body: `{"merchant":"default","checkout_id":"${id}","amount":1999,"currency":"USD","payment_method":"pm_card_visa"}`,
      });
      await answer.body.dump();
      if (answer.statusCode >= 300) throw new Error(`the simulator said ${answer.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, caller));
  const seconds = (performance.now() - since) / 1_000;
  await pool.close();
  return seconds;
}

async function insertSeconds(url: string, payments: number, prefix: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    `create table if not exists parts_payments (merchant text, checkout_id text, amount bigint,
       status text, updated_at timestamptz, primary key (merchant, checkout_id));
     create table if not exists parts_events (merchant text, checkout_id text, version int,
       status text, at timestamptz default now(), primary key (merchant, checkout_id, version))`,
  );
  const since = performance.now();
  for (let n = 0; n < payments; n += BATCH) {
    const size = Math.min(BATCH, payments - n);
    const ids = Array.from({ length: size }, (_, i) => `${prefix}-${n + i}`);
    for (const sql of STATEMENTS) await client.query(sql, [ids]);
  }
  const seconds = (performance.now() - since) / 1_000;
  await client.end();
  return seconds;
}

const STATEMENTS = [
  `with new as (insert into parts_payments
     select 'default', id, 1999, 'processing', now() from unnest($1::text[]) id returning checkout_id)
   insert into parts_events select 'default', checkout_id, 1, 'processing' from new`,
  `with done as (update parts_payments p set status = 'succeeded', updated_at = now()
     from unnest($1::text[]) id where p.merchant = 'default' and p.checkout_id = id
     returning p.checkout_id)
   insert into parts_events select 'default', checkout_id, 2, 'succeeded' from done`,
];
