/**
 * A table of webhooks on the whole system: for each, what the provider is answered and what
 * becomes of the payment. The provider is not asked meanwhile: only webhooks move anything.
 */
import { adminHeaders } from '../../client/admin-headers.js';
import type { EventData } from '../../fakes/simulator/webhooks.js';
import { query } from '../../testing/audit.js';
import { get, post } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { chargesOf } from '../../testing/simulator-client.js';
import { LocalSystem, until } from '../../testing/system.js';
import { callBack, eventOf } from '../../testing/webhook-client.js';
import { NEW, OLD, WEBHOOK_CASES, type WebhookCase } from './webhook-cases.js';

const AMOUNT = 1_999;
/** How long nothing may happen to a payment before the table says that nothing happened. */
const STILL_MS = 700;
const GIVE_UP_MS = 2_000;

export const webhooks: Proof = {
  name: 'webhooks',
  shows:
    'webhooks good, repeated, late, early, forged, misdirected or mistaken get the right answer and do the right thing',
  async run(stage: Stage) {
    const system = await LocalSystem.start({
      settings: {
        TOLLGATE_WEBHOOK_SECRET: NEW,
        TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: `${NEW},${OLD}`,
        TOLLGATE_SIMULATOR_WEBHOOK_ADDRESSES: '127.0.0.0/8,2001:db8::/32',
        TOLLGATE_ASK_AFTER_MS: '3600000',
        TOLLGATE_WEBHOOK_RETRY_MS: '300',
        TOLLGATE_WEBHOOK_GIVE_UP_MS: `${GIVE_UP_MS}`,
      },
    });
    try {
      const ids = [...WEBHOOK_CASES.map((_, n) => `case-${n}`), 'again', 'end'];
      const charges = await waitingCharges(system, ids);
      const answers = WEBHOOK_CASES.map((testCase, n) =>
        oneCase(system, `case-${n}`, charges[n]!, testCase),
      );
      for (const [n, testCase] of WEBHOOK_CASES.entries())
        report(stage, testCase, await answers[n]!);
      await repeated(stage, system, charges.at(-2)!);
      await contradicted(stage, system, charges.at(-1)!);
      await beforeOurCallReturned(stage, system);
      await disputed(stage, system);
      await unknownPayment(stage, system);
      const reasons = WEBHOOK_CASES.flatMap((testCase) => testCase.dead ?? []);
      await mustBeDead(stage, system, [...reasons, 'unknown_payment']);
    } finally {
      await system.stop();
    }
  },
};

interface Outcome {
  readonly code: number;
  readonly status: string;
}

async function oneCase(
  system: LocalSystem,
  id: string,
  charge: EventData,
  testCase: WebhookCase,
): Promise<Outcome> {
  const body = eventOf(`evt_${id}`, { ...charge, ...testCase.data });
  const options = { ...testCase.options };
  if (options.sentBody === 'changed') options.sentBody = body.replace('captured', 'capturee');
  const path = `/webhooks/psp/simulator/default/${id}`;
  const answer = await callBack(system.endpoints.api, body, { secret: NEW, path, ...options });
  return { code: answer.status, status: await settled(system, id, testCase.status) };
}

function report(stage: Stage, testCase: WebhookCase, { code, status }: Outcome): void {
  stage.figure(testCase.name, `${code} ${status}`);
  stage.must(code === testCase.code, `${testCase.name}: ${code} instead of ${testCase.code}`);
  stage.must(
    status === testCase.status,
    `${testCase.name}: ${status} instead of ${testCase.status}`,
  );
}

/** The same event ten times at once, and again later: applied once. */
async function repeated(stage: Stage, system: LocalSystem, charge: EventData): Promise<void> {
  const body = eventOf('evt_again', charge);
  const send = () => callBack(system.endpoints.api, body, { secret: NEW });
  const answers = await Promise.all(Array.from({ length: 10 }, send));
  await settled(system, 'again', 'succeeded');
  const codes = [...answers, await send()].map((answer) => answer.status);
  const [row] = await query<{ version: number; entries: string }>(
    system,
    `select version, (select count(*) from ledger_entries where checkout_id = 'again') as entries
     from payments where checkout_id = 'again'`,
  );
  stage.figure('repeated 11 times', `${[...new Set(codes)].join(' ')}, version ${row!.version}`);
  stage.must(
    codes.every((code) => code === 200),
    'a repeat was not answered 200',
  );
  stage.must(row!.version === 2 && Number(row!.entries) === 2, 'a repeat was applied');
}

/** What comes after the end, in the wrong order or against it, changes nothing. */
async function contradicted(stage: Stage, system: LocalSystem, data: EventData): Promise<void> {
  await callBack(system.endpoints.api, eventOf('evt_end', data), { secret: NEW });
  await settled(system, 'end', 'succeeded');
  const codes: number[] = [];
  for (const status of ['authorized', 'declined', 'canceled']) {
    const body = eventOf(`evt_end_${status}`, { ...data, status });
    codes.push((await callBack(system.endpoints.api, body, { secret: NEW })).status);
  }
  const status = await settled(system, 'end', 'other');
  stage.figure('authorized, declined, canceled after the end', `${codes.join(' ')} ${status}`);
  stage.must(codes.every((code) => code === 200) && status === 'succeeded', 'the end was undone');
}

/** The provider charges at once and answers 5 s later; its webhook is here long before. */
async function beforeOurCallReturned(stage: Stage, system: LocalSystem): Promise<void> {
  const since = Date.now();
  const { api } = system.endpoints;
  await post(api, 'early', { amount: AMOUNT, currency: 'USD', payment_method: 'pm_slow_5000' });
  const status = await settled(system, 'early', 'succeeded');
  const ms = Date.now() - since;
  await until('our own call is recorded', 15_000, async () => {
    const sql = `select 1 from psp_calls where checkout_id = 'early'`;
    return (await query(system, sql)).length === 1;
  });
  const [row] = await query<{ sources: string; entries: string }>(
    system,
    `select string_agg(source, ' ' order by version) as sources,
      (select count(*) from ledger_entries where checkout_id = 'early') as entries
     from payment_events where checkout_id = 'early'`,
  );
  const captures = (await chargesOf(system, 'early')).filter(
    (charge) => charge.status === 'captured',
  );
  stage.figure('before our own call returned', `200 ${status} after ${ms} ms, by ${row!.sources}`);
  stage.must(status === 'succeeded' && ms < 5_000, `${status} after ${ms} ms`);
  stage.must(captures.length === 1 && Number(row!.entries) === 2, 'not captured and booked once');
}

async function disputed(stage: Stage, system: LocalSystem): Promise<void> {
  const { api, simulator } = system.endpoints;
  await post(api, 'dispute', { amount: AMOUNT, currency: 'USD', payment_method: 'pm_card_visa' });
  await settled(system, 'dispute', 'succeeded');
  const [charge] = await chargesOf(system, 'dispute');
  const disputedAmount = async (): Promise<unknown> =>
    (JSON.parse((await get(api, 'dispute')).body) as Record<string, unknown>)['disputed_amount'];
  for (const total of [500, 900]) {
    await fetch(`${simulator}/v1/charges/${charge!.reference}/dispute`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ amount: total === 500 ? 500 : 400 }),
    });
    await until('the dispute shows', 10_000, async () => (await disputedAmount()) === total);
  }
  const status = await settled(system, 'dispute', 'succeeded');
  const [row] = await query<{ sum: string }>(
    system,
    `select sum(amount_minor) from ledger_entries
     where checkout_id = 'dispute' and account = 'disputed:default'`,
  );
  stage.figure('disputed twice', `200 ${status}, ${await disputedAmount()}, booked ${row!.sum}`);
  stage.must(status === 'succeeded' && `${row!.sum}` === '900', 'the dispute is not booked');
}

/** Kept, retried, and a dead letter in the end; no payment comes of it. */
async function unknownPayment(stage: Stage, system: LocalSystem): Promise<void> {
  const { api } = system.endpoints;
  const body = eventOf('evt_nobody', dataOf('nobody', 'ch_nobody'));
  const answer = await callBack(api, body, { secret: NEW });
  await until('it was tried again', 10_000, async () => {
    return (await system.metric('processorAdmin', 'processor_webhook_retries_total')) >= 2;
  });
  const read = await get(api, 'nobody');
  stage.figure('of an unknown payment', `${answer.status}, GET ${read.status}, kept and retried`);
  stage.must(answer.status === 200 && read.status === 404, 'an unknown payment is taken up');
}

async function mustBeDead(stage: Stage, system: LocalSystem, reasons: string[]): Promise<void> {
  let found: string[] = [];
  await until('all dead letters are there', GIVE_UP_MS + 10_000, async () => {
    const page = await (
      await fetch(`${system.endpoints.processorAdmin}/dlq`, {
        headers: adminHeaders(system.endpoints.adminTokenFile, 'viewer'),
      })
    ).json();
    found = (page as { dead_letters: { reason: string }[] }).dead_letters.map(
      (letter) => letter.reason,
    );
    return reasons.every((reason) => found.includes(reason));
  });
  stage.figure('dead letters', [...new Set(found)].sort().join(', '));
  stage.must(
    found.every((text) => reasons.includes(text)),
    'there are other dead letters',
  );
}

function dataOf(checkout_id: string, reference: string): EventData {
  const common = { merchant: 'default', status: 'captured', amount: AMOUNT, currency: 'USD' };
  return { ...common, checkout_id, reference };
}

/** Payments whose provider has captured them, has said so to nobody, and is not asked. */
async function waitingCharges(system: LocalSystem, ids: readonly string[]): Promise<EventData[]> {
  const body = { amount: AMOUNT, currency: 'USD', payment_method: 'pm_webhook_lost' };
  await Promise.all(ids.map((id) => post(system.endpoints.api, id, body)));
  await until('all are at the provider', 20_000, async () => {
    const sql = 'select 1 from payments where provider_reference is not null';
    return (await query(system, sql)).length === ids.length;
  });
  return Promise.all(
    ids.map(async (id) => dataOf(id, (await chargesOf(system, id))[0]!.reference)),
  );
}

/** The status once it is `expected`, or after a while of something else. */
async function settled(system: LocalSystem, id: string, expected: string): Promise<string> {
  const isChange = expected !== 'processing' && expected !== 'other';
  const giveUpAt = Date.now() + (isChange ? 10_000 : STILL_MS);
  for (;;) {
    const { status } = JSON.parse((await get(system.endpoints.api, id)).body) as { status: string };
    if ((isChange && status === expected) || Date.now() > giveUpAt) return status;
    await new Promise((done) => setTimeout(done, 50));
  }
}
