/** A piscina worker: PSP calls and micro-batched writes for many payments at once. */
import { workerData } from 'piscina';
import { EngineError } from '../../engine/core/errors.js';
import { Batcher } from '../postgres/batcher.js';
import { type IntentResult, type IntentRow, insertIntents } from '../postgres/intents.js';
import { type OutcomeRow, recordOutcomes } from '../postgres/outcomes.js';
import { isBadData, openPool } from '../postgres/pool.js';
import { findPayments, type WebhookQuestion } from '../postgres/webhook-payments.js';
import { recordVerdicts, type VerdictRow } from '../postgres/webhook-verdicts.js';
import { openPsps } from '../psp/registry.js';
import { WebhookJudge } from '../webhooks/webhook-judge.js';
import { Executor } from './executor.js';
import type { Task, TaskResult, WorkerSettings } from './tasks.js';

const ROWS_MAX = 500;
const CONNECTIONS_MAX = 3;

const settings = workerData as WorkerSettings;
const pool = openPool(settings.databaseUrl, CONNECTIONS_MAX);
const executor = new Executor({
  settings,
  psps: openPsps(settings),
  intents: new Batcher<IntentRow, IntentResult>((rows) => insertIntents(pool, rows), ROWS_MAX),
  outcomes: new Batcher<OutcomeRow, boolean>((rows) => recordOutcomes(pool, rows), ROWS_MAX),
});

const webhooks = new WebhookJudge({
  settings,
  payments: new Batcher((rows: readonly WebhookQuestion[]) => findPayments(pool, rows), ROWS_MAX),
  verdicts: new Batcher((rows: readonly VerdictRow[]) => recordVerdicts(pool, rows), ROWS_MAX),
});

export default async function run(task: Task): Promise<TaskResult> {
  try {
    switch (task.kind) {
      case 'accepted':
        return await executor.accepted(task.value, task.source);
      case 'ask':
        return await executor.ask(task.ask);
      case 'webhook':
        return await webhooks.received(task.value, task.source);
    }
  } catch (error) {
    if (error instanceof EngineError && error.code === 'undecodable')
      return { kind: 'dead', reason: 'undecodable', detail: error.message };
    if (isBadData(error))
      return { kind: 'dead', reason: 'refused_by_database', detail: (error as Error).message };
    throw error;
  }
}
