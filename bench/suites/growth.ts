/** Accepting with 0.1 and 1 million stored payments; the 10 million are a run of their own (`make bench-growth`). */
import { growthTo } from '../harness/growth.js';
import type { Suite } from '../harness/suite.js';

export const growth: Suite = {
  name: 'growth',
  measures: 'accept rate, p99, memory and disk with 0.1 and 1 million stored payments',
  run: (stage) => growthTo(stage, stage.isQuick ? [20_000, 100_000] : [100_000, 1_000_000]),
};
