/** Accept latency at constant rates, beside what the disk alone takes for a durable write. */
import { fdatasyncMs } from '../harness/fdatasync.js';
import { countCheckouts, startAlone } from '../harness/servers.js';
import type { Stage, Suite } from '../harness/suite.js';
import { load } from '../load/run.js';

const RATES = [1_000, 5_000, 20_000, 30_000];
const WARM_UP_RATE = 10_000;
/** Above this rate the figures are stated only. */
const JUDGED_RATE_MAX = 20_000;
const P99_MS_MAX = 3;
const P999_MS_MAX = 10;
const FDATASYNC_TIMES_MAX = 8;

export const latency: Suite = {
  name: 'latency',
  measures: 'accept latency at constant rates (publishing paused), open loop',
  async run(stage: Stage) {
    const folder = stage.folder('engine');
    const engine = await startAlone(stage);
    const disk = fdatasyncMs(folder, stage.size(1_000, 3_000));
    stage.row({ name: 'fdatasync of 4 KiB, p50', unit: 'ms', ours: [disk.p50] });
    stage.row({ name: 'fdatasync of 4 KiB, p99', unit: 'ms', ours: [disk.p99] });
    let accepted = 0;
    try {
      // How the first requests fare is the suite `cold`'s.
      await load({ url: engine.api, rate: WARM_UP_RATE, duration: stage.size(2, 4) });
      for (const rate of RATES) {
        const rounds = { p99: [] as number[], p999: [] as number[] };
        for (let round = 0; round < stage.size(1, 3); round++) {
          const [report] = await load({ url: engine.api, rate, duration: stage.size(2, 6) });
          const entry = stage.latency(`accept at ${rate}/s`, report!);
          rounds.p99.push(entry.p99);
          rounds.p999.push(entry.p99_9);
        }
        const limits = rate <= JUDGED_RATE_MAX;
        const row = (name: string, ours: number[], limit: number): void => {
          const text = `${name} at ${rate}/s`;
          stage.row({ name: text, unit: 'ms', ours, ...(limits ? { limit } : {}) });
        };
        row('p99', rounds.p99, P99_MS_MAX);
        row('p99 against the disk', rounds.p99, FDATASYNC_TIMES_MAX * disk.p99);
        row('p99.9', rounds.p999, P999_MS_MAX);
      }
      accepted = await engine.metric('gateway_accepted_total');
    } finally {
      await engine.stop();
    }
    const stored = await countCheckouts(folder);
    stage.must(stored === accepted, `${stored} stored, ${accepted} answered 202`);
  },
};
