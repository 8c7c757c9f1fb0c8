/**
 * Everything at once: errors, time-outs that did charge, webhooks lost, repeated and out of
 * order, for every kind of token. Each payment must end, once, the same in every book.
 */

import { drawProgress, summaryOf } from '../../cli/load-summary.js';
import { adminHeaders } from '../../client/admin-headers.js';
import { type LoadProgress, runLoad } from '../../load/load.js';
import { query } from '../../testing/audit.js';
import type { Proof, Stage } from '../../testing/proof.js';
import {
  allCharges,
  setFaults,
  webhookCounts,
  webhooksAreOut,
} from '../../testing/simulator-client.js';
import { LocalSystem, until } from '../../testing/system.js';

const FAULTS = {
  error_rate: 0.05,
  timeout_rate: 0.02,
  webhook_drop_rate: 0.05,
  webhook_repeat_rate: 0.05,
  webhook_reorder_rate: 0.05,
};
/** The last payments end after several failed tries: the waits between them are shortened. */
const WAITS = { TOLLGATE_PSP_TIMEOUT_MS: '10000', TOLLGATE_RETRY_DELAYS: '2s,10s,30s' };
const SHORT_WAITS = { TOLLGATE_PSP_TIMEOUT_MS: '1500', TOLLGATE_RETRY_DELAYS: '300ms,600ms,1s' };
const RATE = 400;
const AMOUNT = 1_250;
const SETTLE_MS_MAX = 240_000;
/** Of ten payments, which token each has. */
const TOKENS = [
  ...Array<string>(5).fill('pm_card_visa'),
  'pm_webhook_only',
  'pm_webhook_twice',
  'pm_requires_action',
  'pm_slow_200',
  'pm_card_declined',
];

export const chaos: Proof = {
  name: 'chaos',
  shows: `50 000 payments at ${RATE}/s with 5 % errors, 2 % time-outs that charged, webhooks 5 % lost, 5 % repeated, 5 % reordered: all end, once, the same in every book`,
  async run(stage: Stage) {
    const count = stage.size(1_000, 50_000);
    const settings = stage.isShort ? SHORT_WAITS : WAITS;
    const system = await LocalSystem.start({ settings });
    try {
      await setFaults(system, FAULTS);
      const result = await runLoad({
        api: system.endpoints.api,
        count,
        ratePerSecond: RATE,
        idOf: (n) => `chaos-${n}`,
        body: (id) => ({ amount: AMOUNT, currency: 'USD', payment_method: tokenOf(id) }),
        settleMsMax: SETTLE_MS_MAX,
        onProgress: progressEvery(stage, count),
      });
      for (const line of summaryOf(result, count).split('\n')) stage.figure('', line);
      stage.must(result.accepted.length === count, `${result.accepted.length} accepted`);
      stage.must(result.statuses.size === count, `${count - result.statuses.size} did not end`);
      await webhooksAreOut(system, 60_000);
      await auditFaults(stage, system, count);
      await auditBooks(stage, system, result.statuses);
    } finally {
      await system.stop();
    }
  },
};

function tokenOf(id: string): string {
  return TOKENS[Number(id.split('-')[1]) % TOKENS.length]!;
}

/** On a terminal often, in a log a dozen times. */
function progressEvery(stage: Stage, count: number): (progress: LoadProgress) => void {
  let shown = -1;
  return (progress) => {
    const tenth = Math.floor(((progress.posted + progress.terminal) / (2 * count)) * 10);
    if (stage.isShort || (!process.stderr.isTTY && tenth === shown)) return;
    shown = tenth;
    drawProgress(progress, count);
  };
}

/** The faults have happened: otherwise nothing is shown. */
async function auditFaults(stage: Stage, system: LocalSystem, count: number): Promise<void> {
  const { events, lost, repeated, reordered, delivered, given_up } = await webhookCounts(system);
  stage.figure(
    'webhooks: events / lost / repeated / reordered',
    `${events} / ${lost} / ${repeated} / ${reordered}`,
  );
  stage.figure('webhooks: delivered / given up', `${delivered} / ${given_up}`);
  stage.must(given_up === 0, `${given_up} webhooks were never answered 2xx`);
  const [calls] = await query<Record<'errors' | 'timeouts' | 'webhooks', string>>(
    system,
    `select
      (select count(*) from psp_calls where http_status >= 500) as errors,
      (select count(*) from psp_calls where http_status is null and outcome = 'unknown') as timeouts,
      (select count(*) from payment_events where source = 'webhook') as webhooks`,
  );
  stage.figure('PSP calls: errors / without an answer', `${calls!.errors} / ${calls!.timeouts}`);
  stage.figure('payments finished by a webhook', calls!.webhooks);
  for (const n of [lost, repeated, reordered, calls!.errors])
    stage.must(Number(n) > count * 0.03, 'a fault did not happen often enough');
  stage.must(Number(calls!.timeouts) > count * 0.01, 'there were too few time-outs');
  stage.must(Number(calls!.webhooks) > count * 0.1, 'webhooks finished too few payments');
}

async function auditBooks(
  stage: Stage,
  system: LocalSystem,
  statuses: ReadonlyMap<string, string>,
): Promise<void> {
  const charges = await allCharges(system);
  const twice = [...charges].filter(
    ([, charge]) => charge.filter((s) => s === 'captured').length > 1,
  );
  stage.must(twice.length === 0, `captured twice: ${twice[0]?.[0]}`);
  await until('every status is published', 30_000, async () => {
    const sql = 'select count(*) as n from payments where published_version < version';
    return Number((await query<{ n: string }>(system, sql))[0]!.n) === 0;
  });
  const rows = await query<{ checkout_id: string; status: string; entries: string | null }>(
    system,
    `select checkout_id, status, (select sum(amount_minor) from ledger_entries l
      where l.checkout_id = p.checkout_id and account = 'provider:simulator') as entries
     from payments p`,
  );
  stage.must(rows.length === statuses.size, `Postgres has ${rows.length} payments`);
  const wrong = rows.filter(({ checkout_id, status, entries }) => {
    const expected = tokenOf(checkout_id) === 'pm_card_declined' ? 'failed' : 'succeeded';
    const isPaid = expected === 'succeeded';
    const captures = charges.get(checkout_id)?.filter((text) => text === 'captured').length ?? 0;
    return (
      status !== expected ||
      statuses.get(checkout_id) !== expected ||
      captures !== (isPaid ? 1 : 0) ||
      Number(entries ?? 0) !== (isPaid ? AMOUNT : 0)
    );
  });
  const paid = rows.filter((row) => row.status === 'succeeded').length;
  stage.figure('succeeded / failed / captured twice', `${paid} / ${rows.length - paid} / 0`);
  stage.figure('differ between ledger, Postgres and status', wrong.length);
  stage.must(wrong.length === 0, `e.g. ${JSON.stringify(wrong[0])}`);
  const page = await (
    await fetch(`${system.endpoints.processorAdmin}/dlq`, {
      headers: adminHeaders(system.endpoints.adminTokenFile, 'viewer'),
    })
  ).json();
  const letters = (page as { dead_letters: object[] }).dead_letters;
  stage.must(letters.length === 0, `dead letters, e.g. ${JSON.stringify(letters[0])}`);
}
