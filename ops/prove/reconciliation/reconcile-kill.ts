/** A run that is killed again and again ends as one that nobody disturbed. */
import type { Proof, Stage } from '../../testing/proof.js';
import { fingerprint, mustBeExactly } from './reconcile-month.js';
import { MONTH, MonthStage } from './reconcile-month-stage.js';

const OPEN_ITEMS = 3;

export const reconcileKill: Proof = {
  name: 'reconcile-kill',
  shows: 'a run killed ten times half way gives the same result as an undisturbed one',
  async run(stage: Stage) {
    const count = stage.size(10_000, 100_000);
    const calm = await MonthStage.prepare(count);
    let expected: string;
    let seconds: number;
    try {
      const run = await calm.reconcile(['monthly', '--month', MONTH]);
      stage.must(run.code === OPEN_ITEMS, run.output);
      seconds = run.seconds;
      expected = await fingerprint(calm);
    } finally {
      await calm.close();
    }
    await killed(stage, count, seconds, expected);
  },
};

/** The moments are spread over the whole run; a run that gets through early is begun again. */
async function killed(
  stage: Stage,
  count: number,
  seconds: number,
  expected: string,
): Promise<void> {
  const kills = stage.size(2, 10);
  const monthStage = await MonthStage.prepare(count);
  try {
    const steps: string[] = [];
    for (let i = 0; i < kills; i++) {
      const afterMs = seconds * 1_000 * (0.15 + (0.8 * (i + 0.5)) / kills);
      const run = await monthStage.reconcile(['monthly', '--month', MONTH], afterMs);
      const [row] = await monthStage.query<{ step: string }>(
        'select step from reconciliation_runs',
      );
      steps.push(`${run.code === null ? '' : 'through '}${row?.step.split(' ')[0] ?? 'begin'}`);
    }
    stage.figure('killed in', steps.join(', '));
    stage.must(!steps.every((step) => step.startsWith('through')), 'no kill hit the run');
    const last = await monthStage.reconcile(['monthly', '--month', MONTH]);
    stage.must(last.code === OPEN_ITEMS, last.output);
    await mustBeExactly(stage, monthStage);
    stage.must(
      (await fingerprint(monthStage)) === expected,
      'the result differs from the undisturbed one',
    );
  } finally {
    await monthStage.close();
  }
}
