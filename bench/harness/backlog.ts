/**
 * A backlog of accepted checkouts in Kafka, and a real processor that works it off into a real
 * Postgres through the real simulator.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka from 'node-rdkafka';
import pg from 'pg';
import { checkoutAccepted } from '../../engine/codec/records.js';
import { childEnvironment, engineConfig, STOP_WITH_PARENT } from '../../engine/config/config.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { producerSettings, producerTopicSettings } from '../../engine/kafka/client.js';
import { createTopics, topicSpecs } from '../../engine/kafka/topics-admin.js';
import { packageFile } from '../../engine/util/paths.js';
import { setFaults } from '../../ops/testing/charges.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { sampleCheckout } from './samples.js';
import { startBroker, startDatabase } from './servers.js';
import type { Stage } from './suite.js';

const PARTITIONS = 16;
const DRAIN_MS_MAX = 120_000;
const LOOK_MS = 50;
const QUEUE_MAX = 20_000;
const SLOW = 'pm_slow_2000';
/** A new processor at a steady rate is warm after so long. */
const STEADY_WARM_UP_S = 4;

export interface Backlog {
  readonly brokers: string;
  readonly databaseUrl: string;
  readonly simulatorUrl: string;
  readonly client: pg.Client;
}

/** Kafka, Postgres and the simulator for as long as `work` takes. */
export async function withBacklog(
  stage: Stage,
  work: (backlog: Backlog) => Promise<void>,
): Promise<void> {
  const [kafka, postgres] = [await startBroker(stage), await startDatabase(stage)];
  const [port] = (await freePorts(1)) as [number];
  const simulator = startTollgate('simulator', {
    TOLLGATE_SIMULATOR_PORT: `${port}`,
    TOLLGATE_SIMULATOR_DIR: stage.folder('simulator'),
    TOLLGATE_LOG_LEVEL: 'error',
  });
  const client = new pg.Client({ connectionString: postgres.url });
  try {
    const settings = {
      TOLLGATE_KAFKA_BROKERS: kafka.brokers,
      TOLLGATE_PARTITIONS: `${PARTITIONS}`,
    };
    await createTopics(kafka.brokers, topicSpecs(engineConfig(settings)), 1);
    await client.connect();
    const simulatorUrl = `http://127.0.0.1:${port}`;
    await answering(`${simulatorUrl}/healthz`);
    // Nobody would hear them here; the suite `path` has them.
    await setFaults(simulatorUrl, { webhook_drop_rate: 1 });
    await work({ brokers: kafka.brokers, databaseUrl: postgres.url, simulatorUrl, client });
  } finally {
    await client.end().catch(() => {});
    await stopped(simulator);
    await kafka.stop('SIGTERM', 5_000);
    await postgres.stop('SIGINT', 5_000);
  }
}

let runs = 0;

/** A processor that has just started is cold: so many of its payments are not measured. */
const COLD_SHARE = 0.25;

/**
 * Puts `payments` into Kafka, then starts a processor, and measures from the end of its first
 * quarter to its last payment.
 * @param methodOf the payment method of the n-th
 * @returns payments a second
 */
export async function drainRate(
  stage: Stage,
  backlog: Backlog,
  payments: number,
  settings: Record<string, string> = {},
  methodOf: (n: number) => string = () => 'pm_card_visa',
): Promise<number> {
  const prefix = `drain${runs++}`;
  await produce(backlog.brokers, prefix, payments, { perSecond: 0, methodOf });
  const processor = await startProcessor(backlog, settings);
  try {
    await untilTerminal(stage, backlog.client, prefix, payments);
  } finally {
    await stopped(processor);
  }
  const { rows } = await backlog.client.query<{ seconds: number; captured: number }>(
    `select extract(epoch from max(updated_at)
         - percentile_disc($2::float8) within group (order by updated_at))::float8 as seconds,
       count(*) filter (where status = 'succeeded')::int as captured
     from payments where checkout_id like $1`,
    [`${prefix}-%`, COLD_SHARE],
  );
  const { seconds, captured } = rows[0]!;
  stage.must(captured === payments, `${captured} of ${payments} succeeded`);
  return (payments * (1 - COLD_SHARE)) / seconds;
}

async function startProcessor(
  backlog: Backlog,
  settings: Record<string, string>,
): Promise<ChildProcess> {
  const [port] = (await freePorts(1)) as [number];
  const processor = startTollgate('processor', {
    TOLLGATE_PROVIDERS: 'simulator',
    TOLLGATE_KAFKA_BROKERS: backlog.brokers,
    TOLLGATE_DATABASE_URL: backlog.databaseUrl,
    TOLLGATE_SIMULATOR_URL: backlog.simulatorUrl,
    TOLLGATE_PROCESSOR_ADMIN_PORT: `${port}`,
    TOLLGATE_PARTITIONS: `${PARTITIONS}`,
    TOLLGATE_LOG_LEVEL: 'error',
    ...settings,
  });
  await answering(`http://127.0.0.1:${port}/readyz`);
  return processor;
}

interface ProducePlan {
  /** 0: as fast as it goes. */
  readonly perSecond: number;
  readonly methodOf: (n: number) => string;
}

async function produce(
  brokers: string,
  prefix: string,
  payments: number,
  plan: ProducePlan,
): Promise<void> {
  const producer = new rdkafka.Producer(
    producerSettings(brokers, 'bench'),
    producerTopicSettings(0),
  );
  let delivered = 0;
  producer.on('delivery-report', (error) => {
    if (error) throw error;
    delivered++;
  });
  await new Promise<void>((resolve) => producer.once('ready', () => resolve()).connect());
  producer.setPollInterval(5);
  const start = performance.now();
  for (let n = 0; n < payments; n++) {
    const dueIn = plan.perSecond > 0 ? start + (n * 1_000) / plan.perSecond - performance.now() : 0;
    if (dueIn > 1) await sleep(dueIn);
    const id = `${prefix}-${n}`;
    const record = {
      ...sampleCheckout(id, n),
      payment_method: plan.methodOf(n),
      accepted_at: Date.now(),
    };
    producer.produce(TOPICS.accepted, null, checkoutAccepted.encode(record), `default/${id}`);
    while (n - delivered > QUEUE_MAX) await sleep(1);
  }
  while (delivered < payments) await sleep(1);
  await new Promise<void>((resolve) => producer.disconnect(() => resolve()));
}

async function untilTerminal(
  stage: Stage,
  client: pg.Client,
  prefix: string,
  payments: number,
): Promise<void> {
  const giveUpAt = Date.now() + DRAIN_MS_MAX;
  for (;;) {
    const done = await terminal(client, prefix);
    if (done === payments) return;
    stage.must(Date.now() < giveUpAt, `${done} of ${payments} are terminal after two minutes`);
    await sleep(LOOK_MS * 5);
  }
}

async function terminal(client: pg.Client, prefix: string): Promise<number> {
  try {
    const sql = `select count(*)::int as n from payments
      where checkout_id like $1 and status in ('succeeded', 'failed')`;
    return (await client.query<{ n: number }>(sql, [`${prefix}-%`])).rows[0]!.n;
  } catch {
    return 0; // the processor has not made the tables yet
  }
}

/**
 * Checkouts that come at a steady rate; every `slowEvery`-th (0: none) takes the provider 2 s.
 * @returns p99 in milliseconds from acceptance to the outcome, of those that are not slow
 */
export async function steadyP99(
  stage: Stage,
  backlog: Backlog,
  plan: { readonly rate: number; readonly seconds: number; readonly slowEvery: number },
): Promise<number> {
  const prefix = `steady${runs++}`;
  const processor = await startProcessor(backlog, {});
  const count = plan.rate * plan.seconds;
  try {
    await produce(backlog.brokers, prefix, count, {
      perSecond: plan.rate,
      methodOf: (n) => (plan.slowEvery > 0 && n % plan.slowEvery === 0 ? SLOW : 'pm_card_visa'),
    });
    await untilTerminal(stage, backlog.client, prefix, count);
  } finally {
    await stopped(processor);
  }
  const { rows } = await backlog.client.query<{ p99: number }>(
    `select percentile_cont(0.99) within group
       (order by extract(epoch from updated_at - accepted_at) * 1000)::float8 as p99
     from payments where checkout_id like $1 and payment_method <> $2
       and split_part(checkout_id, '-', 2)::int > $3`,
    [`${prefix}-%`, SLOW, plan.rate * STEADY_WARM_UP_S],
  );
  return rows[0]!.p99;
}

export function startTollgate(command: string, settings: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [packageFile('ops/cli/tollgate.mjs'), command], {
    env: childEnvironment({ ...settings, [STOP_WITH_PARENT]: 'on' }),
    stdio: ['pipe', 'ignore', 'inherit'],
  });
}

export async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function answering(url: string): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  for (;;) {
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return;
    if (Date.now() > giveUpAt) throw new Error(`${url} does not answer`);
    await sleep(LOOK_MS);
  }
}
