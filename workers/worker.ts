/** A piscina worker: PSP calls and micro-batched writes for many payments at once. */
import { BroadcastChannel } from 'node:worker_threads';
import { workerData } from 'piscina';
import { maskCardData } from '../engine/card-data/card-mask.js';
import { EngineError } from '../engine/util/errors.js';
import { Executor } from './payment/executor.js';
import { LateCaptures } from './payment/late-captures.js';
import { Settlements } from './payment/outcome-builder.js';
import { Calls } from './payment/provider-calls.js';
import { Gate } from './payment/provider-guard.js';
import { Batcher, type Dated, dated } from './postgres/batcher.js';
import { type Ask, claimTickets, type TicketRow } from './postgres/claims.js';
import { PostgresClock } from './postgres/clock.js';
import { type IntentResult, type IntentRow, insertIntents } from './postgres/intents.js';
import { suspectLateCapture } from './postgres/late-captures.js';
import { type OutcomeRow, recordOutcomes } from './postgres/outcomes.js';
import { isBadData, openPool } from './postgres/pool.js';
import { commitSends, type SendRow } from './postgres/send-commits.js';
import { findPayments, type WebhookQuestion } from './postgres/webhook-payments.js';
import { recordVerdicts, type VerdictRow } from './postgres/webhook-results.js';
import { openPsps } from './psp/registry.js';
import {
  ANSWER_FAULT_CHANNEL,
  type AnswerFault,
  BREAKER_CHANNEL,
  type Failed,
  type GiveUp,
  type Task,
  type TaskResult,
  type WorkerSettings,
} from './tasks.js';
import { WebhookJudge } from './webhooks/webhook-processor.js';

const ROWS_MAX = 500;
const GATHER_MS = 2;
/** Most of them say what the call has said already. */
const WEBHOOK_GATHER_MS = 20;
const CONNECTIONS_MAX = 3;

const settings = workerData as WorkerSettings;
const pool = openPool(settings.databaseUrl, CONNECTIONS_MAX);
const clock = PostgresClock.of(pool, settings.clockSkewMaxMs);
const breakers = new BroadcastChannel(BREAKER_CHANNEL);
breakers.unref();
const answerFaults = new BroadcastChannel(ANSWER_FAULT_CHANNEL);
answerFaults.unref();
const psps = openPsps(settings);
const gates = new Map([...psps.keys()].map((name) => [name, gateOf(name)]));
const executor = openExecutor();
const lateCaptures = new LateCaptures({
  pool,
  psps,
  gates,
  pspTimeoutMs: settings.pspTimeoutMs,
});
const webhooks = openWebhooks();

/** Never rejects: an exception costs the one task. A rejection in piscina means a dead thread. */
export default async function run(task: Task | GiveUp): Promise<TaskResult | Failed> {
  try {
    return await handle(task);
  } catch (error) {
    const detail = (error as Error).message;
    if (error instanceof EngineError && error.code === 'undecodable')
      return { kind: 'dead', reason: 'undecodable', detail, ...NO_PAYMENT };
    if (isBadData(error))
      return { kind: 'dead', reason: 'refused_by_database', detail, ...NO_PAYMENT };
    return { kind: 'failed', detail: maskCardData(detail), stack: stackOf(error) };
  }
}

const NO_PAYMENT = { attempts: 1, value: null, payment: null } as const;

function handle(task: Task | GiveUp): Promise<TaskResult> {
  switch (task.kind) {
    case 'accepted':
      return executor.accepted(task);
    case 'ticket':
      return executor.ticket(task.value);
    case 'ask':
      return executor.ask(task.ask);
    case 'webhook':
      return webhooks.received(task.value, task.source);
    case 'late_capture':
      return lateCaptures.step(task.claim);
    case 'give_up':
      return executor.giveUp(task.task, task.detail);
  }
}

function stackOf(error: unknown): string {
  return maskCardData((error as Error).stack ?? String(error));
}

function openWebhooks(): WebhookJudge {
  return new WebhookJudge({
    settings,
    payments: new Batcher(
      (rows: readonly WebhookQuestion[]) => findPayments(pool, rows),
      ROWS_MAX,
      WEBHOOK_GATHER_MS,
    ),
    verdicts: new Batcher(
      (rows: readonly VerdictRow[]) => recordVerdicts(pool, rows),
      ROWS_MAX,
      WEBHOOK_GATHER_MS,
    ),
  });
}

function openExecutor(): Executor {
  const settlements = new Settlements(
    settings,
    (name) => psps.get(name)?.replaysErrors ?? false,
    clock,
  );
  const calls = new Calls({
    psps,
    gates,
    outcomes: new Batcher<OutcomeRow, boolean>(
      (rows) => recordOutcomes(pool, rows),
      ROWS_MAX,
      GATHER_MS,
    ),
    sends: new Batcher<SendRow, Dated<boolean>>(
      dated((rows) => commitSends(pool, rows, clock)),
      ROWS_MAX,
      GATHER_MS,
    ),
    clock,
    settlements,
    suspect: (suspicion) => suspectLateCapture(pool, suspicion),
    onFault: ({ provider, merchant, checkoutId }, error) => {
      const fault: AnswerFault = { provider, merchant, checkoutId, stack: stackOf(error) };
      answerFaults.postMessage(fault);
    },
  });
  return new Executor({
    settings,
    psps,
    intents: new Batcher<IntentRow, Dated<IntentResult>>(
      dated((rows) => insertIntents(pool, rows, clock)),
      ROWS_MAX,
      GATHER_MS,
    ),
    tickets: new Batcher<TicketRow, Ask | undefined>(
      (rows) => claimTickets(pool, rows),
      ROWS_MAX,
      GATHER_MS,
    ),
    calls,
    clock,
    settlements,
  });
}

function gateOf(provider: string): Gate {
  return new Gate({
    callsMax: Math.ceil(settings.pspConcurrency / settings.workerThreads),
    breakerCallsMin: settings.breakerCallsMin,
    breakerOpenMs: settings.breakerOpenMs,
    onChange: (isOpen) => breakers.postMessage({ provider, isOpen }),
  });
}
