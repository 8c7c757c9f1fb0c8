/**
 * `GET /payments/{id}`, hot and cold, beside uWebSockets.js that answers from memory; its p99
 * while checkouts are accepted; and that a version never goes back.
 */
import {
  type EngineProcess,
  eventually,
  startEngineProcess,
} from '../../ops/testing/engine-process.js';
import { fillStore } from '../harness/log.js';
import { startBare } from '../harness/references.js';
import { countCheckouts, startAlone, startBroker } from '../harness/servers.js';
import { StatusFeed } from '../harness/status-feed.js';
import type { Stage, Suite } from '../harness/suite.js';
import { wrk } from '../harness/wrk.js';
import { load } from '../load/run.js';

const HOT_TARGET = 0.6;
const HOT_IDS = 64;
const CONNECTIONS = 64;
const READ_RATE = 20_000;
const ACCEPT_RATE = 5_000;
const P99_MS_MAX = 1;

export const status: Suite = {
  name: 'status',
  measures: 'status reads a second, hot and cold, and their p99 while checkouts are accepted',
  async run(stage: Stage) {
    const payments = stage.size(20_000, 300_000);
    const store = await fillStore(stage.folder('engine'), payments);
    await store.close();
    const engine = await startAlone(stage);
    try {
      await throughput(stage, engine, payments);
      await whileAccepting(stage, engine, payments);
    } finally {
      await engine.stop();
    }
    const stored = await countCheckouts(stage.folder('engine'));
    stage.must(stored >= payments, `${stored} stored`);
    await neverBack(stage);
  },
};

async function throughput(stage: Stage, engine: EngineProcess, payments: number): Promise<void> {
  const bare = await startBare();
  const seconds = stage.size(1, 2);
  const read = (url: string, count: number): Promise<number> =>
    wrk(url, {
      connections: CONNECTIONS,
      seconds,
      script: 'status.lua',
      argument: `bench:${count}`,
    });
  try {
    for (const [name, ids, target] of [
      ['cold', payments, undefined],
      ['hot', HOT_IDS, HOT_TARGET],
    ] as const) {
      const samples = await stage.inTurns(
        () => read(engine.api, ids),
        () => read(bare.url, ids),
      );
      stage.row({
        name: `reads, ${name} (${ids} ids)`,
        unit: 'requests/s',
        ...samples,
        rivalName: 'bare uWebSockets.js',
        ...(target ? { target } : {}),
      });
    }
  } finally {
    await bare.stop();
  }
}

async function whileAccepting(
  stage: Stage,
  engine: EngineProcess,
  payments: number,
): Promise<void> {
  const ours: number[] = [];
  for (let round = 0; round < stage.size(1, 3); round++) {
    const duration = stage.size(2, 5);
    const given = { url: engine.api, duration };
    const [[reads], [posts]] = (await Promise.all([
      load({ ...given, rate: READ_RATE, get: `bench:${payments}` }),
      load({ ...given, rate: ACCEPT_RATE }),
    ])) as [Awaited<ReturnType<typeof load>>, Awaited<ReturnType<typeof load>>];
    ours.push(stage.latency(`reads at ${READ_RATE}/s`, reads!).p99);
    stage.latency(`beside accepts at ${ACCEPT_RATE}/s`, posts!);
  }
  const name = `p99 of reads at ${READ_RATE}/s while ${ACCEPT_RATE}/s are accepted`;
  stage.row({ name, unit: 'ms', ours, limit: P99_MS_MAX });
}

/** Two gateway threads, statuses that come fast, readers on many connections. */
async function neverBack(stage: Stage): Promise<void> {
  const kafka = await startBroker(stage);
  const engine = await startEngineProcess({
    TOLLGATE_DATA_DIR: stage.folder('versions'),
    TOLLGATE_KAFKA_BROKERS: kafka.brokers,
    TOLLGATE_GATEWAY_THREADS: '2',
    TOLLGATE_LOG_LEVEL: 'error',
  });
  try {
    await eventually('statuses are read', 20_000, async () => {
      return (await engine.metric('status_connected')) === 1;
    });
    const feed = await StatusFeed.start(kafka.brokers, engine.api);
    const { reads, versions, backwards } = await feed.run(stage.size(2, 6) * 1_000);
    stage.must(backwards === 0, `${backwards} of ${reads} reads went back in version`);
    stage.must(versions > 10, `only ${versions} versions were seen`);
    stage.note(`${reads} reads over ${versions} versions: none went back`);
  } finally {
    await engine.stop();
    await kafka.stop('SIGTERM', 5_000);
  }
}
