/**
 * The processor: Kafka to Postgres with the simulator answering at once, in 50 ms, and with one
 * payment in ten taking 2 s; beside the sum of its parts, each alone.
 */
import rdkafka from 'node-rdkafka';
import { ulid } from 'ulid';
import { TOPICS } from '../../engine/core/topics.js';
import { clientSettings } from '../../engine/kafka/client.js';
import { type IntentRow, insertIntents } from '../../workers/postgres/intents.js';
import { type OutcomeRow, recordOutcomes } from '../../workers/postgres/outcomes.js';
import { openPool } from '../../workers/postgres/pool.js';
import { SimulatorPsp } from '../../workers/psp/simulator/simulator-psp.js';
import { type Backlog, drainRate, steadyP99, withBacklog } from '../harness/backlog.js';
import type { Stage, Suite } from '../harness/suite.js';

const RATE_MIN = 3_000;
const SLOW_TARGET = 0.9;
const OTHERS_TARGET = 1 / 1.5;
const BATCH = 500;
const CALLS_AT_ONCE = 128;

export const processor: Suite = {
  name: 'processor',
  measures: 'payments a second from Kafka to a committed outcome, beside the sum of its parts',
  async run(stage) {
    await withBacklog(stage, async (backlog) => {
      const payments = stage.size(3_000, 12_000);
      const rounds = stage.size(1, 3);
      const atOnce: number[] = [];
      const in50: number[] = [];
      const parts: number[] = [];
      await drainRate(stage, backlog, stage.size(1_000, 4_000)); // warms up
      for (let round = 0; round < rounds; round++) {
        atOnce.push((await drainRate(stage, backlog, payments)).perSecond);
        in50.push((await drainRate(stage, backlog, payments, {}, () => 'pm_slow_50')).perSecond);
        parts.push(await sumOfParts(stage, backlog, payments, round));
      }
      const unit = 'payments/s';
      stage.row({
        name: 'answers at once',
        unit,
        ours: atOnce,
        rival: [RATE_MIN],
        rivalName: 'what is asked for',
        target: 1,
      });
      stage.row({
        name: 'answers at once, beside its parts',
        unit,
        ours: atOnce,
        rival: parts,
        rivalName: 'consume + HTTP + two inserts, each alone',
      });
      stage.row({
        name: 'answers in 50 ms',
        unit,
        ours: in50,
        rival: atOnce,
        rivalName: 'itself at once',
        target: SLOW_TARGET,
      });
      await slowOnes(stage, backlog);
    });
  },
};

async function slowOnes(stage: Stage, backlog: Backlog): Promise<void> {
  const plan = { rate: stage.size(200, 500), seconds: stage.size(5, 12) };
  const fast: number[] = [];
  const mixed: number[] = [];
  for (let round = 0; round < stage.size(1, 2); round++) {
    fast.push(await steadyP99(stage, backlog, { ...plan, slowEvery: 0 }));
    mixed.push(await steadyP99(stage, backlog, { ...plan, slowEvery: 10 }));
  }
  stage.row({
    name: `the others' p99 while one in ten takes 2 s, at ${plan.rate}/s`,
    unit: 'ms',
    ours: mixed,
    rival: fast,
    rivalName: 'none of them slow',
    judging: 'less',
    target: OTHERS_TARGET,
  });
}

/** Payments a second if the three parts were done one after another at their own best speed. */
async function sumOfParts(
  stage: Stage,
  backlog: Backlog,
  payments: number,
  round: number,
): Promise<number> {
  const consume = payments / (await consumeSeconds(backlog.brokers, payments));
  const http = payments / (await httpSeconds(backlog.simulatorUrl, payments, round));
  const insert = payments / (await insertSeconds(backlog.databaseUrl, payments, round));
  if (round === 0)
    stage.note(
      `parts alone: consume ${consume.toFixed(0)}/s, HTTP ${http.toFixed(0)}/s, inserts ${insert.toFixed(0)}/s`,
    );
  return 1 / (1 / consume + 1 / http + 1 / insert);
}

async function consumeSeconds(brokers: string, records: number): Promise<number> {
  const settings = { ...clientSettings(brokers, 'bench'), 'group.id': `parts-${Date.now()}` };
  const consumer = new rdkafka.KafkaConsumer(
    { ...settings, 'enable.auto.commit': false },
    { 'auto.offset.reset': 'earliest' },
  );
  let since = 0;
  let seen = 0;
  const done = new Promise<void>((resolve) => {
    consumer.on('data', () => {
      since ||= performance.now();
      if (++seen === records) resolve();
    });
  });
  await new Promise<void>((resolve) => consumer.once('ready', () => resolve()).connect());
  consumer.subscribe([TOPICS.accepted]);
  consumer.consume();
  await done;
  const seconds = (performance.now() - since) / 1_000;
  await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  return seconds;
}

async function httpSeconds(url: string, calls: number, round: number): Promise<number> {
  const psp = new SimulatorPsp('simulator', url, 10_000);
  const since = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let n = next++; n < calls; n = next++) {
      await psp.charge({
        merchant: 'default',
        checkoutId: `parts${round}-${n}`,
        idempotencyKey: `parts${round}-${n}`,
        amountMinor: 1999,
        currency: 'USD',
        paymentMethod: 'pm_card_visa',
      });
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, caller));
  return (performance.now() - since) / 1_000;
}

/** Intents and outcomes in full batches, by the product's own statements, on one connection. */
async function insertSeconds(
  databaseUrl: string,
  payments: number,
  round: number,
): Promise<number> {
  const pool = openPool(databaseUrl, 1);
  const since = performance.now();
  for (let n = 0; n < payments; n += BATCH) {
    const ids = Array.from(
      { length: Math.min(BATCH, payments - n) },
      (_, i) => `in${round}-${n + i}`,
    );
    await insertIntents(pool, ids.map(intentOf));
    await recordOutcomes(pool, ids.map(outcomeOf));
  }
  const seconds = (performance.now() - since) / 1_000;
  await pool.end();
  return seconds;
}

function intentOf(id: string): IntentRow {
  return {
    key: `default/${id}`,
    merchant: 'default',
    checkout_id: id,
    shard: 0,
    fingerprint: '07'.repeat(32),
    amount: 1999,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    provider: 'simulator',
    idempotency_key: id,
    accepted_ms: Date.now(),
    status: 'processing',
    reason: 'charge_started',
    failure_code: null,
    ask_after_ms: 60_000,
    republish: false,
  };
}

function outcomeOf(id: string): OutcomeRow {
  return {
    key: `default/${id}`,
    merchant: 'default',
    checkout_id: id,
    version: 1,
    status: 'succeeded',
    reason: 'captured',
    source: 'charge',
    provider: 'simulator',
    provider_reference: `ch_${id}`,
    failure_code: null,
    next_action: null,
    ask_after_ms: null,
    never_sent: false,
    call_id: ulid(),
    operation: 'charge',
    attempt: 1,
    idempotency_key: id,
    request: { amountMinor: 1999 },
    response: { status: 'captured' },
    http_status: 200,
    outcome: 'approved',
  };
}
