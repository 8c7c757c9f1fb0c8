/** How accepting changes as the store grows: the same measurements at each size, beside the first. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../load/run.js';
import { fillStore } from './log.js';
import { rssMb, startAlone } from './servers.js';
import type { Stage } from './suite.js';
import { wrk } from './wrk.js';

const TIME_TARGET = 1 / 1.2;
const MEMORY_TARGET = 1 / 1.3;
const RATE = 5_000;

interface Size {
  readonly rate: number[];
  readonly p99: number[];
  readonly rss: number[];
  readonly bytesPerPayment: number;
}

/** @param sizes stored payments, growing; the first is what the others are held against */
export async function growthTo(stage: Stage, sizes: readonly number[]): Promise<void> {
  const measured: Size[] = [];
  for (const payments of sizes) measured.push(await measureAt(stage, payments));
  const first = measured[0]!;
  for (const [i, payments] of sizes.entries()) {
    const size = measured[i]!;
    const at = `at ${payments.toLocaleString('en')} payments`;
    stage.row({ name: `disk a payment ${at}`, unit: 'B', ours: [size.bytesPerPayment] });
    if (i === 0) continue;
    const rivalName = `itself at ${sizes[0]!.toLocaleString('en')}`;
    stage.row({
      name: `accept rate ${at}`,
      unit: 'requests/s',
      ours: size.rate,
      rival: first.rate,
      rivalName,
      target: TIME_TARGET,
    });
    stage.row({
      name: `accept p99 ${at}`,
      unit: 'ms',
      ours: size.p99,
      rival: first.p99,
      rivalName,
      judging: 'less',
      target: TIME_TARGET,
    });
    stage.row({
      name: `RSS ${at}`,
      unit: 'MiB',
      ours: size.rss,
      rival: first.rss,
      rivalName,
      judging: 'less',
      target: MEMORY_TARGET,
    });
  }
}

async function measureAt(stage: Stage, payments: number): Promise<Size> {
  const name = `grown-${payments}`;
  const folder = stage.folder(name);
  const store = await fillStore(folder, payments, (n) => stage.say(`stored ${n} of ${payments}`));
  await store.close();
  const engine = await startAlone(stage, name);
  // What was stored is in tables now: opening the store has written them.
  const bytesPerPayment = diskBytes(join(folder, 'db')) / payments;
  const size = { rate: [] as number[], p99: [] as number[], rss: [] as number[] };
  try {
    for (let round = -1; round < stage.size(1, 3); round++) {
      const [report] = await load({ url: engine.api, rate: RATE, duration: stage.size(2, 4) });
      const p99 = stage.latency(`accept with ${payments} stored`, report!).p99;
      const seconds = stage.size(1, 3);
      const rate = await wrk(engine.api, { connections: 256, seconds, script: 'checkout.lua' });
      if (round < 0) continue;
      size.p99.push(p99);
      size.rate.push(rate);
      size.rss.push(rssMb(engine.child.pid!));
    }
    return { ...size, bytesPerPayment };
  } finally {
    await engine.stop();
  }
}

/** Tables only: the log is kept for Kafka and goes when it is consumed. */
function diskBytes(folder: string): number {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sst'))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
