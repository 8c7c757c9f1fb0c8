/**
 * The processor: consumes what engines accepted, has it executed by piscina workers, asks
 * providers about unknown outcomes, and publishes every change. Any number may run.
 */
import type { Message } from 'node-rdkafka';
import { Piscina } from 'piscina';
import type { ProcessorConfig } from '../engine/core/config.js';
import type { Logger } from '../engine/core/log.js';
import { untilDone } from '../engine/core/retry.js';
import { ORIGIN_HEADER, type OriginSource, parseOrigin, TOPICS } from '../engine/core/topics.js';
import { createTopics, topicSpecs } from '../engine/kafka/topics-admin.js';
import type { Task, TaskResult, WorkerSettings } from './payment/tasks.js';
import { migrate } from './postgres/migrate.js';
import { openPool } from './postgres/pool.js';
import { startAdmin } from './processor/admin.js';
import { Asker } from './processor/asker.js';
import { deadLetterOf, listDeadLetters } from './processor/dead-letters.js';
import { Intake } from './processor/intake.js';
import { KeyOrder } from './processor/key-order.js';
import { OutboxPublisher } from './processor/publisher.js';

import { Sender } from './processor/sender.js';

const GROUP = 'tollgate-processors';
const DRAIN_MS_MAX = 5_000;
const STEP_MS_MAX = 2_000;

export interface Processor {
  /** Takes nothing more, finishes what is in work within a bound, and frees everything. */
  close(): Promise<void>;
}

export async function startProcessor(config: ProcessorConfig, logger: Logger): Promise<Processor> {
  const die = (reason: string): void => {
    logger.fatal({ reason }, 'the process ends so that a restart can repair it');
    process.kill(process.pid, 'SIGKILL');
  };
  const blockers = new Set(['postgres', 'kafka']);
  const counts = new Map<string, number>();
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  const pool = openPool(config.databaseUrl, 2);
  const workers = startWorkers(config);
  const sender = new Sender(config.kafkaBrokers, die);
  const outbox = new OutboxPublisher(config.databaseUrl, sender, logger);
  const order = new KeyOrder();

  const work = async (task: Task, message?: Message): Promise<void> => {
    try {
      const result: TaskResult = await workers.run(task);
      count(result.kind === 'done' ? result.outcome : result.reason);
      if (result.kind !== 'dead') return;
      const origin = { key: message?.key?.toString(), reason: result.reason };
      logger.error({ ...origin, detail: result.detail }, 'dead letter');
      if (message) await sender.send([deadLetterOf(message, result.reason, result.detail)]);
    } catch (error) {
      die(`a worker failed: ${(error as Error).stack}`);
    }
  };
  const intake = new Intake({
    brokers: config.kafkaBrokers,
    groupId: GROUP,
    topics: [TOPICS.accepted],
    inFlightMax: config.inFlightMax,
    logger,
    handle: (message) => order.run(`${message.key}`, () => work(taskOf(message), message)),
    onFatal: die,
  });
  const asker = new Asker({
    pool,
    pspTimeoutMs: config.pspTimeoutMs,
    logger,
    ask: (ask) => order.run(`${ask.merchant}/${ask.checkoutId}`, () => work({ kind: 'ask', ask })),
  });
  const admin = await startAdmin({
    port: config.adminPort,
    notReady: async () => [...blockers],
    figures: () => ({
      processor_consumed_total: intake.consumed,
      processor_in_flight: intake.inFlight,
      processor_partitions: intake.partitions,
      processor_asks_total: asker.asked,
      outbox_published_total: outbox.published,
      outbox_leader: outbox.isLeader ? 1 : 0,
      ...Object.fromEntries([...counts].map(([name, it]) => [`processor_${name}_total`, it])),
    }),
    deadLetters: () => listDeadLetters(config.kafkaBrokers),
  });
  const start = new AbortController();
  const starting = begin();
  return {
    async close() {
      start.abort();
      await starting;
      asker.stop();
      await intake.close(DRAIN_MS_MAX);
      await outbox.stop(STEP_MS_MAX);
      await sender.close();
      await admin.close();
      await Promise.race([workers.destroy(), sleep(STEP_MS_MAX)]);
      await Promise.race([pool.end(), sleep(STEP_MS_MAX)]);
      logger.info('processor stopped');
    },
  };

  /** Postgres and Kafka may still be starting: each is waited for, and named by /readyz. */
  async function begin(): Promise<void> {
    const { signal } = start;
    const specs = topicSpecs(config);
    await untilDone('postgres', () => migrate(config.databaseUrl), logger, signal);
    blockers.delete('postgres');
    const topics = () => createTopics(config.kafkaBrokers, specs, config.replication);
    await untilDone('kafka', topics, logger, signal);
    if (signal.aborted) return;
    await untilDone('kafka', () => intake.start(), logger, signal);
    outbox.start();
    asker.start();
    blockers.delete('kafka');
    logger.info({ port: config.adminPort }, 'processor ready');
  }
}

function startWorkers(config: ProcessorConfig): Piscina<Task, TaskResult> {
  const settings: WorkerSettings = config;
  return new Piscina({
    filename: new URL('./payment/worker.js', import.meta.url).href,
    workerData: { ...settings },
    minThreads: config.workerThreads,
    maxThreads: config.workerThreads,
    concurrentTasksPerWorker: config.inFlightMax,
    maxQueue: config.inFlightMax * 2,
    idleTimeout: Number.POSITIVE_INFINITY,
  });
}

function taskOf(message: Message): Task {
  const value = message.value ?? Buffer.alloc(0);
  return { kind: 'accepted', value, source: sourceOf(message) };
}

function sourceOf(message: Message): OriginSource {
  for (const header of message.headers ?? []) {
    const text = header[ORIGIN_HEADER];
    if (text !== undefined) return parseOrigin(String(text))?.source ?? 'wal';
  }
  return 'wal';
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms).unref());
}
