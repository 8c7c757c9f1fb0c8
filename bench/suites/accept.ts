/**
 * Accepting, from POST to the durable 202, saturated by wrk: alone with publishing paused, and
 * with Kafka keeping up on the same cores; next to uWebSockets.js that only answers, in turns.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type EngineProcess, startEngineProcess } from '../../ops/testing/engine-process.js';
import { type Rival, startBare } from '../harness/references.js';
import { median } from '../harness/result.js';
import { countCheckouts, startAlone, startBroker } from '../harness/servers.js';
import type { Stage, Suite } from '../harness/suite.js';
import { wrk } from '../harness/wrk.js';

const TARGET_ALONE = 0.6;
const TARGET_PUBLISHING = 0.3;
const CONNECTIONS = [16, 64, 256];
const RIVAL = 'bare uWebSockets.js';
const LAG_LOOK_MS = 50;
const DRAIN_MS_MAX = 60_000;
/** A checkout is two rows of the store: the record and its age. */
const SEQUENCES_PER_CHECKOUT = 2;

export const accept: Suite = {
  name: 'accept',
  measures: 'durable 202s a second, saturated, beside uWebSockets.js that only answers',
  async run(stage) {
    const bare = await startBare();
    try {
      await alone(stage, bare);
      await publishing(stage, bare);
    } finally {
      await bare.stop();
    }
  },
};

export async function alone(stage: Stage, bare: Rival, connections = CONNECTIONS): Promise<void> {
  const engine = await startAlone(stage, 'alone');
  try {
    for (const count of connections) {
      const samples = await stage.inTurns(
        () => saturate(stage, engine.api, count),
        () => saturate(stage, bare.url, count),
      );
      stage.row({
        name: `accept alone, ${count} connections`,
        unit: 'requests/s',
        ...samples,
        rivalName: RIVAL,
        ...(count === 256 ? { target: TARGET_ALONE } : {}),
      });
    }
  } finally {
    await checked(stage, engine, stage.folder('alone'));
  }
}

function saturate(stage: Stage, url: string, connections: number): Promise<number> {
  return wrk(url, { connections, seconds: stage.size(1, 2), script: 'checkout.lua' });
}

/** Stops the engine; what it answered 202 must be what its store holds. */
async function checked(stage: Stage, engine: EngineProcess, dataDir: string): Promise<number> {
  const accepted = await engine.metric('gateway_accepted_total');
  const busy = await engine.metric('gateway_busy_total');
  await engine.stop();
  const stored = await countCheckouts(dataDir);
  stage.must(stored === accepted, `${stored} stored, ${accepted} answered 202`);
  stage.note(`${accepted} accepted and stored, ${busy} answered 503`);
  return stored;
}

async function publishing(stage: Stage, bare: Rival): Promise<void> {
  const kafka = await startBroker(stage);
  const dataDir = stage.folder('publishing');
  const engine = await startEngineProcess({
    TOLLGATE_DATA_DIR: dataDir,
    TOLLGATE_KAFKA_BROKERS: kafka.brokers,
    TOLLGATE_LOG_LEVEL: 'error',
  });
  const lags: number[] = [];
  const watch = setInterval(() => {
    engine
      .metric('cdc_lag_sequences')
      .then((value) => lags.push(value))
      .catch(() => {});
  }, LAG_LOOK_MS);
  try {
    const samples = await stage.inTurns(
      () => saturate(stage, engine.api, 256),
      async () => {
        await drained(stage, engine);
        return saturate(stage, bare.url, 256);
      },
    );
    clearInterval(watch);
    const rivalName = RIVAL;
    const name = 'accept with publishing, 256 connections';
    stage.row({ name, unit: 'requests/s', ...samples, rivalName, target: TARGET_PUBLISHING });
    await drained(stage, engine);
    reportLag(stage, lags, median(samples.ours));
    const published = await engine.metric('cdc_published_total');
    const stored = await checked(stage, engine, dataDir);
    stage.must(published >= stored, `${published} confirmed by Kafka, ${stored} stored`);
    stage.note(`${published} confirmed by Kafka`);
  } finally {
    clearInterval(watch);
    await engine.stop();
    await kafka.stop('SIGTERM', 5_000);
  }
}

function reportLag(stage: Stage, lags: number[], perSecond: number): void {
  const sorted = lags.sort((a, b) => a - b);
  const p99 = (sorted[Math.floor(sorted.length * 0.99)] ?? 0) / SEQUENCES_PER_CHECKOUT;
  stage.row({ name: 'lag of publishing while saturated, p99', unit: 'records', ours: [p99] });
  const seconds = p99 / perSecond;
  stage.row({ name: 'the same at the rate accepted', unit: 's', ours: [seconds] });
}

async function drained(stage: Stage, engine: EngineProcess): Promise<void> {
  const giveUpAt = Date.now() + DRAIN_MS_MAX;
  while ((await engine.metric('cdc_lag_sequences')) > 0) {
    stage.must(Date.now() < giveUpAt, 'publishing catches up within a minute');
    await sleep(LAG_LOOK_MS);
  }
}
