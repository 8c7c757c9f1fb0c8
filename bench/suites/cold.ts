/** From process start to `/readyz`, then the first requests it ever gets, beside itself warm. */
import { startAlone } from '../harness/servers.js';
import type { Suite } from '../harness/suite.js';
import { load } from '../load/run.js';

const READY_MS_MAX = 1_000;
const FIRST_P99_MS_MAX = 10;
const RATE = 1_000;

export const cold: Suite = {
  name: 'cold',
  measures: 'milliseconds from start to ready, and the first 1 000 requests beside itself warm',
  async run(stage) {
    const ready: number[] = [];
    const first: number[] = [];
    const warm: number[] = [];
    for (let round = 0; round < stage.size(2, 5); round++) {
      const since = performance.now();
      const engine = await startAlone(stage, `engine-${round}`);
      ready.push(performance.now() - since);
      const given = { url: engine.api, rate: RATE, duration: 1, connections: 32 };
      try {
        const [cold] = await load({ ...given, 'warm-up': 0 });
        first.push(stage.latency('the first 1 000', cold!).p99);
        const [again] = await load({ ...given, 'warm-up': stage.size(1, 3) });
        warm.push(stage.latency('warm', again!).p99);
      } finally {
        await engine.stop();
      }
    }
    stage.row({ name: 'start to ready', unit: 'ms', ours: ready, limit: READY_MS_MAX });
    stage.row({ name: 'first 1 000, p99', unit: 'ms', ours: first, limit: FIRST_P99_MS_MAX });
    stage.row({
      name: 'first 1 000, p99, beside itself warm',
      unit: 'ms',
      ours: first,
      rival: warm,
      rivalName: 'itself warm',
      judging: 'less',
    });
  },
};
