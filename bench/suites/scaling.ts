/** How threads pay: gateways and writers for accepting, workers for processing, beside one of each. */
import { availableParallelism } from 'node:os';
import { engineConfig, processorConfig } from '../../engine/core/config.js';
import { type Backlog, drainRate, withBacklog } from '../harness/backlog.js';
import { median } from '../harness/result.js';
import { startAlone } from '../harness/servers.js';
import type { Stage, Suite } from '../harness/suite.js';
import { wrk } from '../harness/wrk.js';

const DEFAULTS_TARGET = 0.9;
const WORKERS = [1, 4, 16];

export const scaling: Suite = {
  name: 'scaling',
  measures: 'gateway and writer threads 1/2, processor workers 1/4/16, beside one of each',
  async run(stage) {
    await engineThreads(stage);
    await processorWorkers(stage);
  },
};

async function engineThreads(stage: Stage): Promise<void> {
  const rates = new Map<string, number[]>();
  for (const gateways of [1, 2]) {
    for (const writers of [1, 2]) {
      const name = `${gateways} gateways, ${writers} writers`;
      rates.set(name, await acceptRate(stage, name, gateways, writers));
    }
  }
  const { gatewayThreads, writerThreads } = engineConfig({});
  compared(stage, rates, `${gatewayThreads} gateways, ${writerThreads} writers`, 'requests/s');
}

async function acceptRate(
  stage: Stage,
  name: string,
  gateways: number,
  writers: number,
): Promise<number[]> {
  const engine = await startAlone(stage, name.replaceAll(/\W+/g, '-'), {
    TOLLGATE_GATEWAY_THREADS: `${gateways}`,
    TOLLGATE_WRITER_THREADS: `${writers}`,
  });
  try {
    const samples: number[] = [];
    for (let round = -1; round < stage.size(1, 3); round++) {
      const load = { connections: 256, seconds: stage.size(1, 3), script: 'checkout.lua' } as const;
      const rate = await wrk(engine.api, load);
      if (round >= 0) samples.push(rate);
    }
    return samples;
  } finally {
    await engine.stop();
  }
}

async function processorWorkers(stage: Stage): Promise<void> {
  const payments = stage.size(2_000, 6_000);
  const rates = new Map<string, number[]>();
  const defaultWorkers = processorConfig({}).workerThreads;
  await withBacklog(stage, async (backlog: Backlog) => {
    for (const workers of new Set([...WORKERS, defaultWorkers])) {
      const settings = { TOLLGATE_PROCESSOR_THREADS: `${workers}` };
      const rate = await drainRate(stage, backlog, payments, settings);
      rates.set(`${workers} workers`, [rate.perSecond]);
    }
  });
  compared(stage, rates, `${defaultWorkers} workers`, 'payments/s');
}

/** Every combination beside the first; and the default beside the best. */
function compared(
  stage: Stage,
  rates: ReadonlyMap<string, number[]>,
  defaultName: string,
  unit: string,
): void {
  const [[firstName, first]] = [...rates] as [[string, number[]]];
  for (const [name, ours] of rates)
    stage.row({ name, unit, ours, rival: first, rivalName: firstName });
  const [bestName, best] = [...rates].sort(([, a], [, b]) => median(b) - median(a))[0]!;
  stage.row({
    name: `the default on ${availableParallelism()} cores: ${defaultName}`,
    unit,
    ours: rates.get(defaultName)!,
    rival: best,
    rivalName: `the best: ${bestName}`,
    target: DEFAULTS_TARGET,
  });
}
