/** A piscina worker: PSP calls and micro-batched writes for many payments at once. */
import { BroadcastChannel } from 'node:worker_threads';
import { workerData } from 'piscina';
import { EngineError } from '../../engine/core/errors.js';
import { type Ask, claimTickets, type TicketRow } from '../postgres/asks.js';
import { Batcher } from '../postgres/batcher.js';
import { type IntentResult, type IntentRow, insertIntents } from '../postgres/intents.js';
import { type OutcomeRow, recordOutcomes } from '../postgres/outcomes.js';
import { isBadData, openPool } from '../postgres/pool.js';
import { commitSends, type SendRow } from '../postgres/sends.js';
import { findPayments, type WebhookQuestion } from '../postgres/webhook-payments.js';
import { recordVerdicts, type VerdictRow } from '../postgres/webhook-verdicts.js';
import { openPsps } from '../psp/registry.js';
import { WebhookJudge } from '../webhooks/webhook-judge.js';
import { Calls } from './calls.js';
import { Executor } from './executor.js';
import { Gate } from './gate.js';
import { Settlements } from './settlement.js';
import { BREAKER_CHANNEL, type Task, type TaskResult, type WorkerSettings } from './tasks.js';

const ROWS_MAX = 500;
const GATHER_MS = 2;
/** Most of them say what the call has said already. */
const WEBHOOK_GATHER_MS = 20;
const CONNECTIONS_MAX = 3;

const settings = workerData as WorkerSettings;
const pool = openPool(settings.databaseUrl, CONNECTIONS_MAX);
const breakers = new BroadcastChannel(BREAKER_CHANNEL);
breakers.unref();
const executor = openExecutor();
const webhooks = openWebhooks();

export default async function run(task: Task): Promise<TaskResult> {
  try {
    switch (task.kind) {
      case 'accepted':
        return await executor.accepted(task.value, task.source);
      case 'ticket':
        return await executor.ticket(task.value);
      case 'ask':
        return await executor.ask(task.ask);
      case 'webhook':
        return await webhooks.received(task.value, task.source);
    }
  } catch (error) {
    const detail = (error as Error).message;
    if (error instanceof EngineError && error.code === 'undecodable')
      return { kind: 'dead', reason: 'undecodable', detail, ...NO_PAYMENT };
    if (isBadData(error))
      return { kind: 'dead', reason: 'refused_by_database', detail, ...NO_PAYMENT };
    throw error;
  }
}

const NO_PAYMENT = { attempts: 1, value: null, payment: null } as const;

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
  const psps = openPsps(settings);
  const settlements = new Settlements(settings, (name) => psps.get(name)?.replaysErrors ?? false);
  const calls = new Calls({
    psps,
    gates: new Map([...psps.keys()].map((name) => [name, gateOf(name)])),
    outcomes: new Batcher<OutcomeRow, boolean>(
      (rows) => recordOutcomes(pool, rows),
      ROWS_MAX,
      GATHER_MS,
    ),
    sends: new Batcher<SendRow, boolean>((rows) => commitSends(pool, rows), ROWS_MAX, GATHER_MS),
    settlements,
  });
  return new Executor({
    settings,
    psps,
    intents: new Batcher<IntentRow, IntentResult>(
      (rows) => insertIntents(pool, rows),
      ROWS_MAX,
      GATHER_MS,
    ),
    tickets: new Batcher<TicketRow, Ask | undefined>(
      (rows) => claimTickets(pool, rows),
      ROWS_MAX,
      GATHER_MS,
    ),
    calls,
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
