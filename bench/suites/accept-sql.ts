/** Accepting beside Fastify with one synced insert a request: saturated, and at 2 000/s. */
import { type Rival, startFastify } from '../harness/references.js';
import { startAlone, startDatabase } from '../harness/servers.js';
import type { Stage, Suite } from '../harness/suite.js';
import { wrk } from '../harness/wrk.js';
import { load } from '../load/run.js';

const CONNECTIONS = [16, 64, 256];
const THROUGHPUT_TARGET = 9;
const LATENCY_TARGET = 5;
const RATE = 2_000;
const RIVAL = 'Fastify + pg, one insert a request';

export const acceptSql: Suite = {
  name: 'accept-sql',
  measures: 'durable 202s beside Fastify with one prepared insert a request, synchronous_commit on',
  async run(stage: Stage) {
    const postgres = await startDatabase(stage);
    const fastify = await startFastify(postgres.ownerUrl);
    const engine = await startAlone(stage);
    try {
      await throughput(stage, engine.api, fastify);
      await openLoop(stage, engine.api, fastify);
      const { n } = (await (await fetch(`${fastify.url}/count`)).json()) as { n: number };
      stage.must(n > 0, 'the rival stored what it answered');
      stage.note(`the rival stored ${n}`);
    } finally {
      await engine.stop();
      await fastify.stop();
      await postgres.stop('SIGINT', 5_000);
    }
  },
};

async function throughput(stage: Stage, api: string, rival: Rival): Promise<void> {
  for (const connections of CONNECTIONS) {
    const saturate = (url: string): Promise<number> =>
      wrk(url, { connections, seconds: stage.size(1, 2), script: 'checkout.lua' });
    const samples = await stage.inTurns(
      () => saturate(api),
      () => saturate(rival.url),
    );
    stage.row({
      name: `accept, ${connections} connections`,
      unit: 'requests/s',
      ...samples,
      rivalName: RIVAL,
      ...(connections === 256 ? { target: THROUGHPUT_TARGET } : {}),
    });
  }
}

async function openLoop(stage: Stage, api: string, rival: Rival): Promise<void> {
  const duration = stage.size(2, 4);
  const p99 = async (name: string, url: string): Promise<number> => {
    const [report] = await load({ url, rate: RATE, duration, 'warm-up': 1 });
    return stage.latency(`${name} at ${RATE}/s`, report!).p99;
  };
  const samples = await stage.inTurns(
    () => p99('tollgate', api),
    () => p99(RIVAL, rival.url),
    stage.size(1, 3),
  );
  stage.row({
    name: `p99 at ${RATE}/s, open loop`,
    unit: 'ms',
    ...samples,
    rivalName: RIVAL,
    judging: 'less',
    target: LATENCY_TARGET,
  });
}
