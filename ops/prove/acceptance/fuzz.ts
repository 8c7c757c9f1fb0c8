/**
 * Any input to the public API of running processes, from a seed: no process ends, every answer is
 * a documented one, what is accepted reads back as it was sent, and no event does more than its
 * provider said. `SEED=7` repeats a run, `SEED=7/1234` one case of it.
 */
import { randomInt } from 'node:crypto';
import { query } from '../../testing/books.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';
import { RequestFuzzer } from './fuzz-accepted.js';
import { auditRecords, auditStatuses, lagIsDrained } from './fuzz-audit.js';
import { FuzzRun } from './fuzz-run.js';
import { startSilentProvider, targetsIn } from './fuzz-targets.js';
import { WEBHOOK_CASES_FROM, WebhookFuzzer } from './fuzz-webhooks.js';

/** The short form always takes this one: a test gives the same verdict each time. */
const SHORT_SEED = 15;
const STRIPE_SECRET = 'whsec_stripe_of_this_proof';
const HANDLED_MS_MAX = 300_000;
/** Count exceptions that cost one request or record only; no input may cause one. */
const FAULTS = [
  ['admin', 'gateway_internal_errors_total'],
  ['admin', 'gateway_damaged_records_total'],
  ['processorAdmin', 'processor_record_failures_total'],
  ['processorAdmin', 'processor_answer_faults_total'],
  ['processorAdmin', 'processor_worker_deaths_total'],
] as const;

export const fuzz: Proof = {
  name: 'fuzz',
  shows:
    '100 000 hostile requests and 20 000 signed webhooks end no process; each gets a documented answer, and what is accepted reads back as sent',
  async run(stage: Stage) {
    const { seed, only } = seedOf(stage);
    stage.figure('seed', seed);
    const stripe = await startSilentProvider();
    const system = await LocalSystem.start({
      settings: {
        TOLLGATE_STRIPE_KEY: 'sk_test_of_this_proof',
        TOLLGATE_STRIPE_URL: stripe.url,
        TOLLGATE_STRIPE_RETURN_URL: 'https://shop.example/paid',
        TOLLGATE_STRIPE_WEBHOOK_SECRETS: STRIPE_SECRET,
        // Only webhooks move a payment that its provider has not ended.
        TOLLGATE_ASK_AFTER_MS: '3600000',
        TOLLGATE_WEBHOOK_RETRY_MS: '500',
        TOLLGATE_WEBHOOK_GIVE_UP_MS: '3000',
        TOLLGATE_RETRY_DELAYS: '500ms,1s,2s',
      },
    });
    try {
      await prove(new FuzzRun(stage, system, seed), only);
    } finally {
      await system.stop();
      await stripe.close();
    }
  },
};

async function prove(run: FuzzRun, only: number | undefined): Promise<void> {
  const { stage, system } = run;
  const targets = await targetsIn(system, stage.size(20, 150));
  const events = stage.size(600, 20_000);
  const secrets = { simulator: system.endpoints.webhookSecret, stripe: STRIPE_SECRET };
  const webhooks = new WebhookFuzzer(run, targets, secrets, events);
  const requests = new RequestFuzzer(run);
  const isChosen = (n: number): boolean => only === undefined || n === only;
  const requestCases = [...Array(stage.size(2_500, 100_000)).keys()].filter(isChosen);
  const eventCases = [...Array(events).keys()].map((n) => n + WEBHOOK_CASES_FROM).filter(isChosen);
  await run.all('requests', requestCases, () => requests.worker());
  show(stage, 'requests', requestCases.length, requests.counts);
  await run.all('webhooks', eventCases, () => webhooks.worker());
  show(stage, 'webhooks', eventCases.length, webhooks.counts);
  await endsWell(run, requests, webhooks);
}

async function endsWell(
  run: FuzzRun,
  requests: RequestFuzzer,
  webhooks: WebhookFuzzer,
): Promise<void> {
  const { system } = run;
  const stage: Stage = run.stage;
  await lagIsDrained(system, HANDLED_MS_MAX);
  await until('every payment at the simulator has ended', HANDLED_MS_MAX, async () => {
    const sql = `select count(*) as n from payments where provider = 'simulator'
      and checkout_id not like 'target-%' and status not in ('succeeded', 'failed', 'canceled')`;
    return Number((await query<{ n: string }>(system, sql))[0]!.n) === 0;
  });
  await until('every status is published', HANDLED_MS_MAX, async () => {
    const sql = 'select count(*) as n from payments where published_version < version';
    return Number((await query<{ n: string }>(system, sql))[0]!.n) === 0;
  });
  run.mustRun();
  for (const admin of [system.endpoints.admin, system.endpoints.processorAdmin])
    stage.must((await fetch(`${admin}/readyz`)).ok, `${admin} is not ready`);
  for (const [which, name] of FAULTS) {
    const count = await system.metric(which, name);
    stage.must(count === 0, `${name} is ${count}: see the log of the process`);
  }
  const unread = await requests.readAll();
  stage.must(unread === undefined, `${unread}`);
  stage.figure('accepted payments read back at the end', requests.accepted.size);
  await auditRecords(stage, system, requests.accepted);
  await auditStatuses(stage, system);
  const wrong = await webhooks.wrongPayments();
  stage.figure('payments under fuzzed webhooks, wrong', wrong.length);
  stage.must(wrong.length === 0, `${wrong[0]}`);
  run.mustRun();
}

function show(stage: Stage, what: string, cases: number, counts: object): void {
  const list = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  stage.figure(`${what}: ${cases}`, list.join(', '));
}

/** @returns the one case that the seed names after a slash */
function seedOf(stage: Stage): { seed: number; only: number | undefined } {
  const fallback = stage.isShort ? SHORT_SEED : randomInt(1_000_000);
  const [, seed, only] = /^(\d+)(?:\/(\d+))?$/.exec(stage.seed ?? `${fallback}`) ?? [];
  stage.must(seed !== undefined, `the seed is a number, or number/case: ${stage.seed}`);
  return { seed: Number(seed), only: only === undefined ? undefined : Number(only) };
}
