/** The ring, one producer and one consumer, beside the LMAX Disruptor doing the same work. */
import { LaneMemory } from '../../engine/ring/lane-memory.js';
import { Disruptor } from '../harness/references.js';
import type { Stage, Suite } from '../harness/suite.js';
import { allocateBare } from '../ring/kernel.js';
import { Pair } from '../ring/pair.js';

const TARGETS: readonly (readonly [bytes: number, group: number, target: number])[] = [
  [8, 1, 0.35],
  [8, 10, 0.9],
  [8, 100, 1.0],
  [256, 1, 1.0],
  [256, 10, 1.0],
  [256, 100, 1.0],
];
const LANE_SLOTS = 8192;
const LANE_PAYLOAD = 200;

export const ring: Suite = {
  name: 'ring',
  measures: 'events a second through the ring, beside the better of two waits of the Disruptor',
  async run(stage) {
    const pair = new Pair();
    const disruptor = Disruptor.start();
    try {
      for (const [bytes, group, target] of TARGETS) {
        const events = eventsOf(stage, bytes, group);
        const samples = await stage.inTurns(
          () => bare(stage, pair, bytes, group, events),
          () => betterWait(disruptor, bytes, group, events),
        );
        stage.row({
          name: `${bytes} B, publish ${group} at a time`,
          unit: 'events/s',
          ...samples,
          rivalName: 'LMAX Disruptor 4.0',
          target,
        });
      }
      await lanes(stage, pair);
    } finally {
      await pair.stop();
      await disruptor.stop();
    }
  },
};

function eventsOf(stage: Stage, bytes: number, group: number): number {
  const millions = bytes === 8 ? (group === 1 ? 20 : 60) : 10;
  return stage.size(0.2, 1) * millions * 1e6;
}

async function bare(
  stage: Stage,
  pair: Pair,
  bytes: number,
  group: number,
  events: number,
): Promise<number> {
  const job = { memory: allocateBare(bytes), bytes, events, group };
  const [produced, consumed] = await pair.run(
    { role: 'produce', ...job },
    { role: 'consume', ...job },
  );
  const expected = (bytes / 8) * ((events * (events - 1)) / 2);
  // Sums of doubles beyond 2^53 round; a lost or torn event would show far above that.
  const isRight = Math.abs(consumed.result / expected - 1) < 1e-6;
  stage.must(isRight, `the consumer's sum is ${consumed.result}, expected ${expected}`);
  return events / (Math.max(produced.ms, consumed.ms) / 1_000);
}

async function betterWait(
  disruptor: Disruptor,
  bytes: number,
  group: number,
  events: number,
): Promise<number> {
  const busy = await disruptor.ask(`ring ${bytes} ${group} busy ${events}`);
  const yielding = await disruptor.ask(`ring ${bytes} ${group} yield ${events}`);
  return Math.max(busy, yielding);
}

/** What the product sends: messages with a header, each answered in its slot. */
async function lanes(stage: Stage, pair: Pair): Promise<void> {
  for (const group of [1, 100]) {
    const ours: number[] = [];
    for (let round = -1; round < stage.rounds; round++) {
      const events = stage.size(0.2, 1) * 4e6;
      const memory = LaneMemory.allocate(LANE_SLOTS);
      const job = { memory, bytes: LANE_PAYLOAD, events, group };
      const [sent, taken] = await pair.run(
        { role: 'lane-produce', ...job },
        { role: 'lane-consume', ...job },
      );
      stage.must(
        sent.result === events && taken.result === events,
        'every message is answered once',
      );
      if (round >= 0) ours.push(events / (Math.max(sent.ms, taken.ms) / 1_000));
    }
    stage.row({
      name: `lane, answered messages, publish ${group} at a time`,
      unit: 'messages/s',
      ours,
    });
  }
}
