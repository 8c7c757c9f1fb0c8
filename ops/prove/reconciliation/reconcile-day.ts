/** A day on the full system, under faults: nothing open; then two differences, exactly found. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { addDays, monthDays, monthOf } from '../../../workers/reconcile/calendar.js';
import { becomes } from '../../local/child.js';
import { query } from '../../testing/audit.js';
import { startExtraProcessor } from '../../testing/extra-processor.js';
import { movedClock } from '../../testing/moved-clock.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';
import { load } from '../acceptance/rate.js';

const FAULTS = { error_rate: 0.05, timeout_rate: 0.02 };
const HOUR = 3;
const RUN_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

export const reconcileDay: Proof = {
  name: 'reconcile-day',
  shows:
    'after 10 000 payments with faults nothing is open; two planted differences are exactly two items; the scheduler runs at its hour and at month’s end',
  async run(stage: Stage) {
    const settings = {
      TOLLGATE_RECONCILE: 'off',
      TOLLGATE_PSP_TIMEOUT_MS: '2000',
      TOLLGATE_ASK_AFTER_MS: '500',
      TOLLGATE_RETRY_DELAYS: '1s,2s,5s',
    };
    const system = await LocalSystem.start({ settings });
    try {
      await day(stage, system);
      await differences(stage, system);
      await scheduled(stage, system);
    } finally {
      await system.stop();
    }
  },
};

async function day(stage: Stage, system: LocalSystem): Promise<void> {
  await faults(system, 'POST', FAULTS);
  const count = stage.size(200, 10_000);
  const result = await load(system, 'day', count, 500);
  await faults(system, 'DELETE');
  const ended = result.statuses.size;
  stage.figure('payments accepted / terminal', `${result.accepted.length} / ${ended}`);
  stage.must(ended === count, `${ended} of ${count} are terminal`);
  const { code, output } = await reconcile(system, ['daily']);
  stage.figure('reconcile daily: exit code', `${code}`);
  stage.must(code === 0, output);
  const items = await query<{ n: string }>(
    system,
    `select count(*) as n from reconciliation_items where state = 'open'`,
  );
  stage.must(Number(items[0]!.n) === 0, 'there are open items');
}

async function differences(stage: Stage, system: LocalSystem): Promise<void> {
  const body = { merchant: 'default', checkout_id: 'behind-our-back', amount: 777 };
  await fetch(`${system.endpoints.simulator}/v1/charges`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'behind-our-back' },
    body: JSON.stringify({ ...body, currency: 'USD', payment_method: 'pm_card_visa' }),
  });
  await query(system, `update payments set amount = amount + 1 where checkout_id = 'day-7'`);
  const { code, output } = await reconcile(system, ['daily']);
  stage.must(code === 3, `exit code ${code}: ${output}`);
  const listed = await reconcile(system, ['items', '--json']);
  const items = listed.output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FoundItem);
  const found = items.map((item) => `${item.kind} ${item.checkout_id}`).sort();
  stage.figure('exit code / items', `${code} / ${found.join(', ')}`);
  const planted = ['amount_differs day-7', 'missing_inside behind-our-back'];
  stage.must(`${found}` === `${planted}`, 'not exactly the two');
  for (const { id } of items) {
    const closed = await reconcile(system, [
      'resolve',
      `${id}`,
      '--reason',
      'planted',
      '--by',
      'me',
    ]);
    stage.must(closed.code === 0, closed.output);
  }
  const after = await reconcile(system, ['daily']);
  const audit = await query<{ n: string }>(
    system,
    `select count(*) as n from reconciliation_changes where to_state = 'resolved' and actor = 'me'`,
  );
  stage.figure('resolved: exit code / audited changes', `${after.code} / ${audit[0]!.n}`);
  stage.must(after.code === 0 && Number(audit[0]!.n) === 2, after.output);
}

interface FoundItem {
  readonly id: number;
  readonly kind: string;
  readonly checkout_id: string;
}

/** A processor whose clock is set to just before its hour, tomorrow and at the month's end. */
async function scheduled(stage: Stage, system: LocalSystem): Promise<void> {
  const today = new Date().toISOString().slice(0, 10);
  await atHour(stage, system, addDays(today, 1), 'daily', today);
  const [, nextMonth] = monthDays(monthOf(today));
  await atHour(stage, system, nextMonth, 'monthly', monthOf(today));
  const [sums] = await query<{ batches: string; gross: string }>(
    system,
    'select count(*) as batches, sum(gross_minor) as gross from settlement_batches',
  );
  stage.figure('settlement batches / gross', `${sums!.batches} / ${sums!.gross}`);
  stage.must(Number(sums!.gross) > 0, 'nothing was settled');
}

async function atHour(
  stage: Stage,
  system: LocalSystem,
  day: string,
  kind: string,
  period: string,
): Promise<void> {
  const runs = (): Promise<{ state: string }[]> =>
    query(
      system,
      `select state from reconciliation_runs
       where kind = '${kind}' and period = '${period}' and state = 'finished'`,
    );
  stage.must((await runs()).length === 0, `${kind} ${period} was run before its hour`);
  const processor = await startExtraProcessor(system, {
    TOLLGATE_RECONCILE_HOUR: `${HOUR}`,
    ...movedClock(`${day} 0${HOUR - 1}:59:56`, system.home),
  });
  const since = Date.now();
  try {
    const hasRun = async (): Promise<boolean> => (await runs()).length > 0;
    const ran = await becomes(hasRun, processor, RUN_MS_MAX);
    stage.must(ran, `${kind} ${period} did not run by itself: ${processor.output()}`);
  } finally {
    await processor.stop('SIGTERM', STOP_MS_MAX);
  }
  stage.figure(`${kind} ${period}, clock at ${day}`, `by itself after ${Date.now() - since} ms`);
}

async function reconcile(
  system: LocalSystem,
  args: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const command = [packageFile('ops/cli/tollgate.mjs'), 'reconcile', ...args];
  const child = spawn(process.execPath, command, { env: environment(system) });
  let output = '';
  child.stdout.on('data', (entry) => (output += entry));
  child.stderr.on('data', (entry) => (output += args[0] === 'items' ? '' : entry));
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, output };
}

function environment(system: LocalSystem): NodeJS.ProcessEnv {
  return childEnvironment({
    TOLLGATE_HOME: system.home,
    TOLLGATE_DATABASE_URL: system.endpoints.postgres,
    TOLLGATE_SIMULATOR_URL: system.endpoints.simulator,
  });
}

async function faults(system: LocalSystem, method: string, body?: object): Promise<void> {
  await fetch(`${system.endpoints.simulator}/faults`, {
    method,
    ...(body
      ? { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
      : {}),
  });
}
