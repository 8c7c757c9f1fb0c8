/**
 * Measures how more threads help: gateways and writers for accepting, workers for processing,
 * against one of each.
 */
import { availableParallelism } from 'node:os';
import { engineConfig, processorConfig } from '../../engine/config/config.js';
import type { EngineProcess } from '../../ops/testing/engine-process.js';
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

/** All engines stand at once and take turns: what changes on this machine changes for all. */
async function engineThreads(stage: Stage): Promise<void> {
  const engines = new Map<string, EngineProcess>();
  const rates = new Map<string, number[]>();
  try {
    for (const gateways of [1, 2]) {
      for (const writers of [1, 2]) {
        const name = `${gateways} gateways, ${writers} writers`;
        const settings = {
          TOLLGATE_GATEWAY_THREADS: `${gateways}`,
          TOLLGATE_WRITER_THREADS: `${writers}`,
        };
        engines.set(name, await startAlone(stage, name.replaceAll(/\W+/g, '-'), settings));
        rates.set(name, []);
      }
    }
    const load = { connections: 256, seconds: stage.size(1, 3), script: 'checkout.lua' } as const;
    for (let round = -1; round < stage.size(1, 3); round++) {
      for (const [name, { api }] of engines) {
        const rate = await wrk(api, load);
        if (round >= 0) rates.get(name)!.push(rate);
      }
    }
  } finally {
    for (const engine of engines.values()) await engine.stop();
  }
  const { gatewayThreads, writerThreads } = engineConfig({});
  compared(stage, rates, `${gatewayThreads} gateways, ${writerThreads} writers`, 'requests/s');
}

async function processorWorkers(stage: Stage): Promise<void> {
  const payments = stage.size(2_000, 8_000);
  const defaultWorkers = processorConfig({}).workerThreads;
  const counts = [...new Set([...WORKERS, defaultWorkers])];
  const rates = new Map(counts.map((count) => [`${count} workers`, [] as number[]]));
  await withBacklog(stage, async (backlog: Backlog) => {
    for (let round = 0; round < stage.size(1, 2); round++) {
      for (const workers of counts) {
        const settings = { TOLLGATE_PROCESSOR_THREADS: `${workers}` };
        const rate = await drainRate(stage, backlog, payments, settings);
        rates.get(`${workers} workers`)!.push(rate);
      }
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
