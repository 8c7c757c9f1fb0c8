/**
 * Somebody between us and the provider answers in its place: what it says ends no payment
 * and proves no absence, so nothing is captured twice and nothing reads failed that was
 * captured. And after the deadline nothing is sent any more, also by a redrive.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Letter } from '../../../workers/dead-letters/dead-letter-queue.js';
import { adminHeaders } from '../../client/admin-headers.js';
import { html, type Passed, type ProviderProxy, startProxy } from '../../fakes/proxy.js';
import { query } from '../../testing/audit.js';
import { chargesOf, setFaults } from '../../testing/charges.js';
import { get, post, VISA } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';

const STATUSES = [400, 401, 403, 404, 407, 408, 409, 413, 421, 424, 425, 429];
const STATUSES_SHORT = [400, 404, 408, 429];
const DEADLINE_MS = 4_000;
const SETTLE_MS_MAX = 40_000;
const SETTINGS = {
  TOLLGATE_RETRY_DELAYS: '100ms,200ms,400ms',
  TOLLGATE_PSP_TIMEOUT_MS: '400',
  TOLLGATE_ASK_AFTER_MS: '200',
  TOLLGATE_ATTEMPTS_MAX: '9',
  TOLLGATE_BREAKER_CALLS_MIN: '100000',
  TOLLGATE_DEADLINE_MS: `${DEADLINE_MS}`,
  TOLLGATE_SIMULATOR_REPLAYS_ERRORS: 'on',
};
const OWN_500 = {
  status: 500,
  type: 'application/json',
  body: JSON.stringify({
    object: 'simulator_error',
    error: { code: 'internal_error', message: 'try again' },
  }),
};

const ENDED = /"status":"(succeeded|failed)"/;
/** Declined, and captured half a second later. */
const LATE = 'pm_captured_after_decline';

interface Payment {
  readonly status: string;
  readonly refunded_amount: number;
}

interface Row {
  readonly id: string;
  readonly status: string;
  readonly failure_code: string | null;
  readonly dead_reason: string | null;
}

export const foreignAnswers: Proof = {
  name: 'foreign-answers',
  shows:
    'a proxy that charges and answers 4xx in HTML, or answers a find with its own 404: one capture each, none failed; nothing is sent after the deadline; a capture after a decline is reversed once',
  async run(stage: Stage) {
    const proxy = await startProxy();
    const system = await LocalSystem.start({
      settings: { ...SETTINGS, TOLLGATE_SIMULATOR_URL: proxy.url },
    });
    try {
      proxy.target = system.endpoints.simulator;
      await lateCaptures(stage, system);
      // Webhooks would tell what the proxy hides.
      await setFaults(system.endpoints.simulator, { webhook_drop_rate: 1 });
      await endure(stage, system, proxy);
    } finally {
      await system.stop();
      await proxy.close();
    }
  },
};

async function endure(stage: Stage, system: LocalSystem, proxy: ProviderProxy): Promise<void> {
  const { api } = system.endpoints;
  const copies = stage.size(1, 5);
  const named = (name: string): string[] =>
    Array.from({ length: copies }, (_, i) => `${name}-${i}`);
  const refused = (stage.isShort ? STATUSES_SHORT : STATUSES).flatMap((status) =>
    named(`html-${status}`),
  );
  const hidden = named('hidden');
  const swallowed = named('swallowed');
  proxy.rule = ruleOf;
  for (const id of [...refused, ...hidden, ...swallowed]) await post(api, id);
  const end = Date.now() + DEADLINE_MS;

  const captured = [...refused, ...hidden];
  const dead = await settled(system, captured);
  await auditDead(stage, system, 'charged, answered in HTML', refused, dead);
  await auditDead(stage, system, 'charged, answered 500, find answered HTML 404', hidden, dead);

  const expired = await settled(system, swallowed);
  const code = expired.map((row) => `${row.status} ${row.failure_code}`);
  stage.figure('never passed on, deadline over', [...new Set(code)].join(', '));
  stage.must(
    expired.every((row) => row.status === 'failed' && row.failure_code === 'expired'),
    'what was proven absent after its deadline is not expired',
  );

  await sleep(Math.max(0, end - Date.now()));
  proxy.rule = () => undefined;
  const before = proxy.seen.length;
  await redrive(system, captured);
  const freed = await settled(system, captured);
  const sent = proxy.seen.slice(before).filter((passed) => passed.method === 'POST');
  stage.figure('redriven after the deadline: succeeded / sent', `${count(freed)} / ${sent.length}`);
  stage.must(count(freed) === captured.length, 'a captured payment does not succeed');
  stage.must(sent.length === 0, `sent after the deadline: ${sent[0]?.body}`);
  await oneCaptureEach(stage, system, captured);
}

/** The provider declines, and captures all the same: confirmed, reversed once, shown. */
async function lateCaptures(stage: Stage, system: LocalSystem): Promise<void> {
  const { api, simulator } = system.endpoints;
  // The deadlines are short: the processor must have begun.
  await post(api, 'first');
  await until('a first payment ends', SETTLE_MS_MAX, allRead(api, ['first'], ENDED));
  const ids = Array.from({ length: stage.size(3, 40) }, (_, i) => `late-${i}`);
  for (const id of ids) await post(api, id, { ...VISA, payment_method: LATE });
  if (!stage.isShort) {
    // A processor that is killed before it has sent them lets them expire.
    await until('all are declined', SETTLE_MS_MAX, allRead(api, ids, /card_declined/));
    for (let i = 0; i < 3; i++) await system.killAndWait('processor');
  }
  await until('all are reversed', SETTLE_MS_MAX, allRead(api, ids, /captured_after_end_reversed/));
  const letters = (await lettersOf(system)).filter(
    (letter) => letter.reason === 'captured_after_end',
  );
  const named = new Set(letters.map((letter) => letter.key));
  for (const id of ids) {
    const payment = JSON.parse((await get(api, id)).body) as Payment;
    const isRight = payment.status === 'failed' && payment.refunded_amount === VISA.amount;
    stage.must(isRight, `${id} reads ${payment.status}, refunded ${payment.refunded_amount}`);
    const [charge, ...more] = await chargesOf(simulator, id);
    stage.must(more.length === 0 && charge!.status === 'refunded', `${id} was not reversed once`);
    stage.must(named.has(`default/${id}`), `${id} has no dead letter`);
  }
  const open = letters.filter((letter) => letter.state === 'open').length;
  stage.figure('declined, then captured: reversed / letters open', `${ids.length} / ${open}`);
  stage.must(open === 0, 'a letter stays open after the reversal');
}

/** Whether the answer for each id matches. */
function allRead(api: string, ids: readonly string[], text: RegExp): () => Promise<boolean> {
  return async () => {
    const bodies = await Promise.all(ids.map(async (id) => (await get(api, id)).body));
    return bodies.every((body) => text.test(body));
  };
}

async function lettersOf(system: LocalSystem): Promise<Letter[]> {
  const page = await (
    await fetch(`${system.endpoints.processorAdmin}/dlq`, {
      headers: adminHeaders(system.endpoints.adminTokenFile, 'viewer'),
    })
  ).json();
  return (page as { dead_letters: Letter[] }).dead_letters;
}

/** By the name of the payment, which stands in the body of a charge and in the path of a find. */
function ruleOf({ method, path, body }: Passed): ReturnType<ProviderProxy['rule']> {
  const isCharge = method === 'POST';
  const status = /html-(\d{3})/.exec(body)?.[1];
  if (isCharge && status) return html(Number(status));
  if (path.includes('html-')) return html(404);
  if (`${path} ${body}`.includes('hidden-')) return isCharge ? OWN_500 : html(404);
  return isCharge && body.includes('swallowed-') ? 'swallow' : undefined;
}

async function auditDead(
  stage: Stage,
  system: LocalSystem,
  name: string,
  ids: readonly string[],
  rows: readonly Row[],
): Promise<void> {
  const mine = rows.filter((row) => ids.includes(row.id));
  stage.figure(
    name,
    [...new Set(mine.map((row) => `${row.status}, ${row.dead_reason}`))].join('; '),
  );
  const wrong = mine.find((row) => row.status !== 'processing');
  stage.must(wrong === undefined, `${wrong?.id} reads ${wrong?.status} by a foreign answer`);
  await oneCaptureEach(stage, system, ids);
}

async function oneCaptureEach(
  stage: Stage,
  system: LocalSystem,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) {
    const charges = await chargesOf(system.endpoints.simulator, id);
    const captures = charges.filter((charge) => charge.status === 'captured').length;
    stage.must(captures === 1, `${id} was captured ${captures} times`);
  }
}

async function redrive(system: LocalSystem, ids: readonly string[]): Promise<void> {
  const response = await fetch(`${system.endpoints.processorAdmin}/dlq/redrive`, {
    method: 'POST',
    headers: {
      ...adminHeaders(system.endpoints.adminTokenFile, 'operator'),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ ids }),
  });
  if (!response.ok) throw new Error(`the redrive is refused: ${await response.text()}`);
}

/** Terminal, or waiting with its reason. */
async function settled(system: LocalSystem, ids: readonly string[]): Promise<Row[]> {
  const list = ids.map((id) => `'${id}'`).join(',');
  let rows: Row[] = [];
  await until('all are terminal or dead', SETTLE_MS_MAX, async () => {
    rows = await query<Row>(
      system,
      `select checkout_id as id, status, failure_code, dead_reason from payments
       where merchant = 'default' and checkout_id in (${list})`,
    );
    const done = rows.filter((row) => row.status !== 'processing' || row.dead_reason !== null);
    return done.length === ids.length;
  });
  return rows;
}

function count(rows: readonly Row[]): number {
  return rows.filter((row) => row.status === 'succeeded').length;
}
