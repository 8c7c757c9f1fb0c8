/**
 * The processor: consumes accepted checkouts from Kafka, executes them in piscina workers, polls
 * providers for unknown outcomes, and publishes every change. Any number of processors may run.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Message } from 'node-rdkafka';
import type { Pool } from 'pg';
import { adminTokensFile, type ProcessorConfig } from '../engine/config/config.js';
import { paymentKey } from '../engine/domain/payment.js';
import { PROCESSOR_GROUP, TOPICS } from '../engine/domain/topics.js';
import { certificateFigures } from '../engine/host/certificates.js';
import type { Logger } from '../engine/util/log.js';
import { untilDone } from '../engine/util/retry.js';
import { Intake } from './consumer/consumer.js';
import { orderOf, taskOf, webhookOrder } from './consumer/record-task.js';
import { TaskRunner } from './consumer/task-runner.js';
import { ProcessorTopics } from './consumer/topics.js';
import { WorkerPool } from './consumer/worker-pool.js';
import { Dlq } from './dead-letters/dead-letter-queue.js';
import type { Dead } from './dead-letters/dead-letter-record.js';
import { DeadWatch } from './dead-letters/dead-watch.js';
import { startAdmin } from './health/admin.js';
import { AnswerFaultWatch } from './health/answer-fault-watch.js';
import { BreakerWatch } from './health/breaker-watch.js';
import { ClockWatch } from './health/clock-watch.js';
import { Dependencies } from './health/dependencies.js';
import { PostgresGuard } from './health/postgres-guard.js';
import { Sender } from './outbox/kafka-producer.js';
import { OutboxPublisher } from './outbox/outbox-publisher.js';
import { LateCaptureWatch } from './polling/late-capture-watch.js';
import { Asker } from './polling/outcome-poller.js';
import { holdOf } from './polling/retry-delay.js';
import { WebhookRetries } from './polling/webhook-retries.js';
import type { Ask } from './postgres/claims.js';
import { PostgresClock } from './postgres/clock.js';
import { bury } from './postgres/dead-payments.js';
import { confirmLateCapture, type LateCapture } from './postgres/late-captures.js';
import { Maintenance } from './postgres/maintenance.js';
import { prepareSchema } from './postgres/migrate.js';
import { openPool } from './postgres/pool.js';
import { makeDueAgain } from './postgres/reschedule.js';
import { endWait, type WaitingWebhook } from './postgres/webhook-waits.js';
import { ReconcileScheduler } from './reconcile/scheduler.js';
import type { DeadPayment, Task } from './tasks.js';

const DRAIN_MS_MAX = 5_000;
const STEP_MS_MAX = 2_000;

/** Every part of one processor process. */
export class Processor {
  readonly #config: ProcessorConfig;
  readonly #logger: Logger;
  readonly #pool: Pool;
  readonly #clock: PostgresClock;
  readonly #clockWatch: ClockWatch;
  readonly #workers: WorkerPool;
  readonly #sender: Sender;
  readonly #outbox: OutboxPublisher;
  readonly #topics: ProcessorTopics;
  readonly #intake: Intake;
  readonly #asker: Asker;
  readonly #webhookRetries: WebhookRetries;
  readonly #lateCaptures: LateCaptureWatch;
  readonly #reconcile: ReconcileScheduler;
  readonly #maintenance: Maintenance;
  readonly #runner: TaskRunner;
  readonly #answerFaults: AnswerFaultWatch;
  readonly #dependencies: Dependencies;
  readonly #breakers = new BreakerWatch();
  readonly #dlq: Dlq;
  readonly #deadWatch: DeadWatch;
  readonly #guard: PostgresGuard;
  readonly #blockers = new Set(['postgres', 'kafka']);
  readonly #start = new AbortController();
  #starting: Promise<void> = Promise.resolve();
  #admin: FastifyInstance | undefined;

  /** Its admin port answers at once; /readyz says when Postgres and Kafka are there too. */
  static async start(config: ProcessorConfig, logger: Logger): Promise<Processor> {
    const processor = new Processor(config, logger);
    processor.#admin = await startAdmin({
      ...{ port: config.adminPort, tokensFile: adminTokensFile(config), logger },
      notReady: () => processor.#notReady(),
      figures: () => processor.#figures(),
      dlq: processor.#dlq,
    });
    processor.#starting = processor.#begin();
    return processor;
  }

  private constructor(config: ProcessorConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
    this.#pool = openPool(config.databaseUrl, 2);
    this.#clock = PostgresClock.of(this.#pool, config.clockSkewMaxMs);
    this.#clockWatch = new ClockWatch(this.#clock, config.clockSkewMaxMs, logger, () =>
      makeDueAgain(this.#pool),
    );
    const onFatal = (reason: string): void => this.#die(reason);
    const { kafkaBrokers: brokers, kafkaConnectTimeoutMs: connectMsMax } = config;
    const onDelivered = (): void => this.#dependencies.producer.succeeded();
    this.#sender = new Sender({ brokers, connectMsMax, logger, onDelivered, onFatal });
    this.#workers = new WorkerPool({ config, logger, onFatal });
    this.#answerFaults = new AnswerFaultWatch(logger);
    const clients = { brokers, pool: this.#pool, logger };
    this.#dlq = new Dlq({ ...clients, sender: this.#sender });
    this.#deadWatch = new DeadWatch(this.#pool, logger);
    this.#guard = new PostgresGuard({ ...clients, onFatal });
    this.#outbox = new OutboxPublisher(config.databaseUrl, this.#sender, logger, this.#guard);
    this.#runner = new TaskRunner({
      run: (task) => this.#workers.run(task),
      send: (records) => this.#sender.send(records),
      bury: (payment, dead) => this.#bury(payment, dead),
      onDone: () => this.#outbox.wake(),
      logger,
    });
    this.#topics = new ProcessorTopics(config);
    this.#intake = new Intake({
      brokers,
      connectMsMax,
      groupId: PROCESSOR_GROUP,
      topics: this.#topics.names,
      makeTopics: () => this.#topics.make(),
      onFetch: () => this.#dependencies.consumer.succeeded(),
      holdOf: holdOf(config.retryDelays, () => this.#clock.now),
      inFlightMax: config.inFlightMax,
      logger,
      handle: (message, isOurs) => this.#handle(message, isOurs),
      onFatal,
    });
    this.#dependencies = new Dependencies({
      config,
      consumer: this.#intake,
      producer: this.#sender,
      logger,
    });
    this.#reconcile = new ReconcileScheduler(config, this.#pool, logger);
    this.#maintenance = new Maintenance(this.#pool, config, logger);
    this.#asker = new Asker({
      pool: this.#pool,
      pspTimeoutMs: config.pspTimeoutMs,
      logger,
      ask: (ask) => this.#ask(ask),
    });
    this.#lateCaptures = new LateCaptureWatch({
      pool: this.#pool,
      pspTimeoutMs: config.pspTimeoutMs,
      logger,
      step: (claim) => this.#stepLateCapture(claim),
    });
    this.#webhookRetries = new WebhookRetries({
      pool: this.#pool,
      logger,
      judge: (webhook) => this.#judgeAgain(webhook),
    });
  }

  /** Takes nothing more, finishes what is in work within a bound, and frees everything. */
  async close(): Promise<void> {
    this.#start.abort();
    await this.#starting;
    this.#asker.stop();
    this.#deadWatch.stop();
    this.#webhookRetries.stop();
    this.#lateCaptures.stop();
    // Either may be in the middle of a statement, of a Postgres that does not answer.
    const loops = Promise.all([this.#reconcile.stop(), this.#maintenance.stop()]);
    await Promise.race([loops, sleep(STEP_MS_MAX)]);
    this.#runner.stop();
    this.#topics.stop();
    await this.#intake.close(DRAIN_MS_MAX);
    await this.#outbox.stop(STEP_MS_MAX);
    await this.#sender.close();
    this.#clockWatch.stop();
    this.#breakers.close();
    this.#answerFaults.close();
    await this.#admin?.close();
    await Promise.race([this.#workers.close(), sleep(STEP_MS_MAX)]);
    await Promise.race([this.#pool.end(), sleep(STEP_MS_MAX)]);
    await Promise.race([this.#dependencies.close(), sleep(STEP_MS_MAX)]);
    this.#logger.info('processor stopped');
  }

  /** Postgres and Kafka may still be starting: each is waited for, and named by /readyz. */
  async #begin(): Promise<void> {
    const [config, logger, { signal }] = [this.#config, this.#logger, this.#start];
    const until = (name: string, step: () => Promise<void>) =>
      untilDone(name, step, logger, signal);
    await until('postgres', () => prepareSchema(config.databaseUrl, (text) => logger.warn(text)));
    this.#dependencies.postgres.succeeded();
    this.#blockers.delete('postgres');
    await until('kafka', () => this.#topics.make());
    await this.#guard.untilCurrent(signal);
    await until('kafka', () => this.#intake.start());
    if (signal.aborted) return;
    this.#topics.watch((gone, anew) => this.#intake.onTopicsChanged(gone, anew));
    this.#dependencies.consumer.succeeded();
    await Promise.race([this.#sender.connected(), once(signal, 'abort')]);
    if (signal.aborted) return;
    this.#dependencies.producer.succeeded();
    this.#outbox.start();
    this.#asker.start();
    this.#deadWatch.start();
    this.#webhookRetries.start();
    this.#lateCaptures.start();
    this.#reconcile.start();
    this.#maintenance.start();
    this.#dependencies.start();
    this.#blockers.delete('kafka');
    this.#logger.info({ port: config.adminPort }, 'processor ready');
  }

  /** @returns whether the record is finished */
  async #handle(message: Message, isOurs: () => boolean): Promise<boolean> {
    const { topic, partition, offset } = message;
    const id = `${topic}/${partition}/${offset}`;
    const task = taskOf(message);
    if (task.kind === 'accepted') this.#clockWatch.heard(task.times);
    const work = { key: orderOf(message), id, task, record: message, isOurs };
    return (await this.#runner.run(work)) !== undefined;
  }

  #ask(ask: Ask): Promise<unknown> {
    const key = paymentKey(ask.merchant, ask.checkoutId);
    return this.#runner.run({ key, id: `payment ${key}`, task: { kind: 'ask', ask } });
  }

  #stepLateCapture(claim: LateCapture): Promise<unknown> {
    const { merchant, checkoutId, provider, reference } = claim;
    const key = paymentKey(merchant, checkoutId);
    const id = `late capture ${provider}/${reference}`;
    return this.#runner.run({ key, id, task: { kind: 'late_capture', claim } });
  }

  async #judgeAgain(webhook: WaitingWebhook): Promise<void> {
    const { provider, eventId, key, record: value, partition, offset, tries } = webhook;
    const task: Task = { kind: 'webhook', value, source: { partition, offset, tries } };
    const record = { topic: TOPICS.webhooks, partition, offset, key, value };
    const id = `webhook ${provider}/${eventId}`;
    const result = await this.#runner.run({ key: webhookOrder(key), id, task, record });
    // Should this fail, the claim's lease ends, and the letter is written again.
    if (result?.kind === 'dead') await endWait(this.#pool, webhook, result.reason).catch(() => {});
  }

  #bury(payment: DeadPayment, dead: Dead): Promise<unknown> {
    const { merchant, checkoutId, version, event, lateCapture } = payment;
    const { reason, detail, attempts } = dead;
    if (lateCapture) {
      const isReversed = this.#config.reversesLateCaptures;
      return confirmLateCapture(this.#pool, { ...lateCapture, isReversed, detail, attempts });
    }
    const row = { merchant, checkout_id: checkoutId, version, event, reason, detail, attempts };
    return bury(this.#pool, row);
  }

  /** What it waits for at its start, and what was lost since. */
  #notReady(): string[] {
    return [
      ...new Set([...this.#blockers, ...this.#dependencies.notReady(), ...this.#guard.notReady()]),
    ];
  }

  #figures(): Record<string, number> {
    return {
      processor_lag_records: this.#intake.lagOf([TOPICS.accepted, TOPICS.webhooks]),
      ...this.#dependencies.figures(),
      ...certificateFigures({}, this.#config.databaseUrl),
      processor_consumed_total: this.#intake.consumed,
      processor_in_flight: this.#intake.inFlight,
      processor_worker_deaths_total: this.#workers.deaths,
      processor_held: this.#intake.held,
      processor_partitions: this.#intake.partitions,
      processor_asks_total: this.#asker.asked,
      processor_webhook_retries_total: this.#webhookRetries.retried,
      outbox_published_total: this.#outbox.published,
      outbox_parked: this.#outbox.parked,
      outbox_leader: this.#outbox.isLeader ? 1 : 0,
      ...this.#reconcile.figures(),
      ...this.#maintenance.figures(),
      ...this.#lateCaptures.figures(),
      ...this.#runner.figures(),
      ...this.#clockWatch.figures(),
      ...this.#breakers.figures(),
      ...this.#deadWatch.figures(),
      ...this.#guard.figures(),
      ...this.#answerFaults.figures(),
    };
  }

  #die(reason: string): void {
    this.#logger.fatal({ reason }, 'the process ends so that a restart can repair it');
    process.kill(process.pid, 'SIGKILL');
  }
}

const sleep = (ms: number): Promise<void> => delay(ms, undefined, { ref: false });
