/** The load of a public contest: 550 checkouts/s and a read of each every 2 s, the whole system behind it. */
import { auditAll } from '../../ops/testing/audit.js';
import { Stage as ProofStage } from '../../ops/testing/proof.js';
import { LocalSystem, until } from '../../ops/testing/system.js';
import type { Suite } from '../harness/suite.js';
import { load } from '../load/run.js';

const RATE = 550;
/** The best published p99 of the contest's entries, which answer before anything is stored. */
const PUBLISHED_P99_MS = 2.55;

export const contest: Suite = {
  name: 'contest',
  measures: '550 checkouts/s, each read every 2 s until terminal, the whole system on these cores',
  async run(stage) {
    const system = await LocalSystem.start();
    try {
      const duration = stage.size(5, 20);
      const prefix = 'contest';
      const given = { url: system.endpoints.api, rate: RATE, duration, 'warm-up': 4, prefix };
      const [posts, reads] = await load({ ...given, poll: true });
      const p99 = stage.latency('checkouts', posts!).p99;
      const readsP99 = stage.latency('reads', reads!).p99;
      const name = 'p99 of the durable 202 at 550/s';
      stage.row({ name, unit: 'ms', ours: [p99], limit: PUBLISHED_P99_MS });
      stage.row({
        name: 'p99 of the reads',
        unit: 'ms',
        ours: [readsP99],
        limit: PUBLISHED_P99_MS,
      });
      const count = RATE * (duration + 4);
      const ids = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
      await until('every status is published', 30_000, async () => {
        return (await system.metric('processorAdmin', 'outbox_published_total')) >= count;
      });
      await auditAll(new ProofStage(true, (line) => stage.say(line.trim())), system, ids);
      stage.note(`${count} payments: ledger, Postgres and statuses agree`);
    } finally {
      await system.stop();
    }
  },
};
