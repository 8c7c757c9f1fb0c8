/** Many payments at a constant rate; all books agree at the end. */

import { summaryOf } from '../../cli/load-summary.js';
import { type LoadResult, runLoad } from '../../load/load.js';
import { auditAll } from '../../testing/audit.js';
import { VISA } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';

export const rate: Proof = {
  name: 'rate',
  shows: '20 000 payments at 1 000/s are all terminal, and all books agree exactly',
  async run(stage: Stage) {
    const system = await LocalSystem.start();
    try {
      const count = stage.size(3_000, 20_000);
      const result = await load(system, 'rate', count, 1_000);
      for (const line of summaryOf(result, count).split('\n')) stage.figure('', line);
      mustAllSucceed(stage, result, count);
      await auditAll(stage, system, result.accepted);
    } finally {
      await system.stop();
    }
  },
};

export function load(
  system: LocalSystem,
  prefix: string,
  count: number,
  ratePerSecond: number,
  onAccepted: (id: string, body: string) => void = () => {},
): Promise<LoadResult> {
  return runLoad({
    api: system.endpoints.api,
    count,
    ratePerSecond,
    idOf: (n) => `${prefix}-${n}`,
    body: VISA,
    settleMsMax: 120_000,
    onAccepted,
  });
}

export function mustAllSucceed(stage: Stage, result: LoadResult, count: number): void {
  stage.must(result.accepted.length === count, `${result.accepted.length} of ${count} accepted`);
  const succeeded = [...result.statuses.values()].filter((status) => status === 'succeeded').length;
  stage.must(succeeded === count, `${succeeded} of ${count} succeeded`);
}
