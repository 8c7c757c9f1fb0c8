/**
 * The processor: Kafka to Postgres with the simulator answering at once, in 50 ms, and with one
 * payment in ten taking 2 s; beside the sum of its parts, each alone.
 */
import { type Backlog, drainRate, steadyP99, withBacklog } from '../harness/backlog.js';
import { partsOf } from '../harness/path-stages.js';
import type { Stage, Suite } from '../harness/suite.js';

const RATE_MIN = 3_000;
const SLOW_TARGET = 0.9;
const OTHERS_TARGET = 1 / 1.5;

export const processor: Suite = {
  name: 'processor',
  measures: 'payments a second from Kafka to a committed outcome, beside the sum of its parts',
  async run(stage) {
    await withBacklog(stage, async (backlog) => {
      const payments = stage.size(4_000, 24_000);
      const rounds = stage.size(1, 3);
      const atOnce: number[] = [];
      const in50: number[] = [];
      const parts: number[] = [];
      const alone = { consume: [] as number[], HTTP: [] as number[], inserts: [] as number[] };
      await drainRate(stage, backlog, stage.size(1_000, 4_000)); // warms up
      for (let round = 0; round < rounds; round++) {
        atOnce.push(await drainRate(stage, backlog, payments));
        in50.push(await drainRate(stage, backlog, payments, {}, () => 'pm_slow_50'));
        const { consume, http, insert, sum } = await partsOf(backlog, payments);
        parts.push(sum);
        for (const [name, rate] of [
          ['consume', consume],
          ['HTTP', http],
          ['inserts', insert],
        ] as const)
          alone[name].push(rate);
      }
      const unit = 'payments/s';
      stage.row({
        name: 'answers at once',
        unit,
        ours: atOnce,
        rival: [RATE_MIN],
        rivalName: 'what is asked for',
        target: 1,
      });
      stage.row({
        name: 'answers at once, beside its parts',
        unit,
        ours: atOnce,
        rival: parts,
        rivalName: 'consume + HTTP + two inserts, each alone',
      });
      stage.row({
        name: 'answers in 50 ms',
        unit,
        ours: in50,
        rival: atOnce,
        rivalName: 'itself at once',
        target: SLOW_TARGET,
      });
      for (const [name, ours] of Object.entries(alone))
        stage.row({ name: `parts alone: ${name}`, unit, ours });
      await slowOnes(stage, backlog);
    });
  },
};

async function slowOnes(stage: Stage, backlog: Backlog): Promise<void> {
  const plan = { rate: stage.size(200, 500), seconds: stage.size(6, 12) };
  const fast: number[] = [];
  const mixed: number[] = [];
  for (let round = 0; round < stage.size(1, 5); round++) {
    fast.push(await steadyP99(stage, backlog, { ...plan, slowEvery: 0 }));
    mixed.push(await steadyP99(stage, backlog, { ...plan, slowEvery: 10 }));
  }
  stage.row({
    name: `the others' p99 while one in ten takes 2 s, at ${plan.rate}/s`,
    unit: 'ms',
    ours: mixed,
    rival: fast,
    rivalName: 'none of them slow',
    judging: 'less',
    target: OTHERS_TARGET,
  });
}
