/** From thread to thread: spinning, waking a parked thread, waking an event loop; and the writer's hop at 1 000/s. */
import { Worker } from 'node:worker_threads';
import { Doorbell } from '../../engine/ring/doorbell.js';
import { LaneMemory } from '../../engine/ring/lane-memory.js';
import { LaneProducer } from '../../engine/ring/lane-producer.js';
import { SharedFlag } from '../../engine/ring/shared-flags.js';
import type { WaitStrategyName } from '../../engine/ring/wait-strategy.js';
import { Disruptor } from '../harness/references.js';
import { median } from '../harness/result.js';
import type { Stage, Suite } from '../harness/suite.js';
import { startTicker } from '../load/ticker.js';
import type { EchoData } from '../ring/echo-thread.js';
import { Pair } from '../ring/pair.js';

const SPIN_MICROS_MAX = 20;
const PARK_EXTRA_MICROS_MAX = 120;
const RATE = 1_000;

export const hop: Suite = {
  name: 'hop',
  measures: 'nanoseconds from thread to thread, and what the writer hop adds at 1 000/s',
  async run(stage) {
    await spinning(stage);
    const spin = await writerHop(stage, 'spin');
    const park = await writerHop(stage, 'park');
    await wakeUps(stage, park.backMicros);
    stage.row({
      name: 'writer hop at 1 000/s, spin, p50',
      unit: 'µs',
      ours: [spin.hopMicros],
      limit: SPIN_MICROS_MAX,
    });
    stage.row({
      name: 'writer hop at 1 000/s, park (default), p50',
      unit: 'µs',
      ours: [park.hopMicros],
      limit: spin.hopMicros + PARK_EXTRA_MICROS_MAX,
    });
    stage.row({
      name: 'CPU of a spinning writer and its loop',
      unit: '% of a core',
      ours: [spin.cpu],
    });
    stage.row({
      name: 'CPU of a parking writer and its loop',
      unit: '% of a core',
      ours: [park.cpu],
    });
  },
};

async function spinning(stage: Stage): Promise<void> {
  const pair = new Pair();
  const disruptor = Disruptor.start();
  try {
    const rounds = stage.size(50_000, 300_000);
    const samples = await stage.inTurns(
      async () => {
        const memory = new SharedArrayBuffer(512);
        const job = { memory, rounds };
        return (await pair.run({ role: 'ping', ...job }, { role: 'pong', ...job }))[0].result;
      },
      () => disruptor.ask(`hop ${rounds}`),
    );
    const rivalName = 'LMAX Disruptor 4.0, BusySpin';
    stage.row({
      name: 'spin, one hop',
      unit: 'ns',
      ...samples,
      rivalName,
      judging: 'less',
      target: 1,
    });
  } finally {
    await pair.stop();
    await disruptor.stop();
  }
}

/** Beside `unpark`, which is a futex wake. */
async function wakeUps(stage: Stage, loopMicros: number): Promise<void> {
  const disruptor = Disruptor.start();
  try {
    const rounds = stage.size(200, 1_000);
    const rivalName = 'futex wake (LockSupport.unpark)';
    const samples = await stage.inTurns(
      async () => (await writerHop(stage, 'park')).hopMicros * 1_000,
      () => disruptor.ask(`park ${rounds}`),
      stage.size(1, 3),
    );
    stage.row({
      name: 'waking a parked writer',
      unit: 'ns',
      ...samples,
      rivalName,
      judging: 'less',
    });
    stage.row({
      name: 'waking an event loop (way back of the answer)',
      unit: 'µs',
      ours: [loopMicros],
    });
  } finally {
    await disruptor.stop();
  }
}

interface Hop {
  /** p50 from `publish` to the writer's first look. */
  readonly hopMicros: number;
  /** p50 from the writer's answer to the event loop's look. */
  readonly backMicros: number;
  readonly cpu: number;
}

/** The real lane, batch processor and bells; the writer answers with the time at which it looked. */
async function writerHop(stage: Stage, strategy: WaitStrategyName): Promise<Hop> {
  const bells = { own: Doorbell.allocate(), writer: Doorbell.allocate() };
  const memory = LaneMemory.allocate(1024);
  const stop = new SharedFlag();
  const data: EchoData = {
    memory,
    bell: bells.writer,
    back: bells.own,
    stop: stop.memory,
    strategy,
  };
  const worker = new Worker(new URL('../ring/echo-thread.js', import.meta.url), {
    workerData: data,
  });
  const lane = new LaneProducer(memory, new Doorbell(bells.writer));
  const hops: number[] = [];
  const backs: number[] = [];
  let sentAt = 0;
  const collect = (): void =>
    lane.collect((slot) => {
      const lookedAt = lane.memory.detail(slot);
      hops.push(lookedAt - sentAt);
      backs.push(micros() - lookedAt);
    });
  const listener = new Doorbell(bells.own).listen(collect, () => lane.hasAnswers());
  const before = process.cpuUsage();
  const since = performance.now();
  await new Promise<void>((resolve) => {
    const count = stage.size(1_000, 4_000);
    const ticker = startTicker(
      1_000 / RATE,
      () => {
        if (hops.length >= count) {
          ticker.stop();
          resolve();
        } else if (lane.inUse === 0) {
          lane.commit(lane.claim(8), 1, 8, 0);
          sentAt = micros();
          lane.publish();
        }
      },
      () => false,
    );
  });
  const used = process.cpuUsage(before);
  const cpu = (used.user + used.system) / 10 / (performance.now() - since);
  stop.set(true);
  listener.stop();
  await worker.terminate();
  return { hopMicros: median(hops), backMicros: median(backs), cpu };
}

function micros(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}
