/** Order within a payment, concurrency across payments, while processors come and go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from '../../load/load.js';
import { query, statusDisorder } from '../../testing/audit.js';
import { setFaults } from '../../testing/charges.js';
import { get, post, VISA } from '../../testing/checkout-client.js';
import { startExtraProcessor } from '../../testing/extra-processor.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';

const SLOW_MS = 5_000;
const STOP_MS_MAX = 15_000;
const DELAY_MS_MAX = 200;
/** As many as are done well before the slow one is. */
const NEIGHBOURS = 200;

export const order: Proof = {
  name: 'order',
  shows:
    'versions run 1..n for every id while a second processor joins and leaves; one slow payment delays no other',
  async run(stage: Stage) {
    const settings = { TOLLGATE_PARTITIONS: '64', TOLLGATE_ASK_AFTER_MS: '500' };
    const system = await LocalSystem.start({ settings });
    try {
      await joinAndLeave(stage, system);
      for (let round = 0; round < stage.size(1, 3); round++) await oneSlow(stage, system, round);
    } finally {
      await system.stop();
    }
  },
};

/**
 * `pm_requires_action` makes three versions of each payment: processing, action, outcome. Two,
 * where the provider's webhook tells of the outcome before its answer is recorded.
 */
async function joinAndLeave(stage: Stage, system: LocalSystem): Promise<void> {
  const count = stage.size(1_000, 10_000);
  const loading = runLoad({
    api: system.endpoints.api,
    count,
    ratePerSecond: 500,
    idOf: (n) => `order-${n}`,
    body: { ...VISA, payment_method: 'pm_requires_action' },
    settleMsMax: 120_000,
  });
  const joins = stage.size(1, 3);
  for (let i = 0; i < joins; i++) {
    const second = await startExtraProcessor(system, { TOLLGATE_PARTITIONS: '64' });
    await sleep(3_000);
    stage.must(!second.hasExited(), `the second processor ended: ${second.output()}`);
    await second.stop('SIGTERM', STOP_MS_MAX);
  }
  const result = await loading;
  stage.must(result.statuses.size === count, `${result.statuses.size} of ${count} terminal`);
  const [row] = await query<Record<'ids' | 'events' | 'three' | 'bad', number>>(
    system,
    `select count(*) as ids, sum(n) as events, count(*) filter (where n = 3) as three,
       count(*) filter (where n <> top or n < 2) as bad
     from (select count(*) as n, max(version) as top from payment_events
       group by merchant, checkout_id) e`,
  );
  stage.figure('ids / events / with gaps', `${row!.ids} / ${row!.events} / ${row!.bad}`);
  stage.must(Number(row!.bad) === 0, 'payment_events has gaps');
  stage.must(Number(row!.three) > count / 2, `only ${row!.three} payments went all the way`);
  const disorder = await statusDisorder(system.endpoints.kafka, false);
  stage.figure('payments.status', disorder ?? '1..n for every id');
  stage.must(disorder === undefined, `payments.status: ${disorder}`);
}

/** The slow payment and its neighbours, of which many share its partition. */
async function oneSlow(stage: Stage, system: LocalSystem, round: number): Promise<void> {
  const { api, simulator } = system.endpoints;
  // A webhook would end the slow one before its answer comes.
  await setFaults(simulator, { webhook_drop_rate: 1 });
  const plain = await worstDelay(api, `plain-${round}`);
  await post(api, `slow-${round}`, { ...VISA, payment_method: `pm_slow_${SLOW_MS}` });
  const beside = await worstDelay(api, `beside-${round}`);
  const { status } = JSON.parse((await get(api, `slow-${round}`)).body) as { status: string };
  stage.figure('slowest of its neighbours: before / beside', `${plain} ms / ${beside} ms`);
  stage.must(status === 'processing', 'the slow payment was not slow');
  stage.must(beside - plain <= DELAY_MS_MAX, `${beside - plain} ms of delay`);
}

/** @returns milliseconds that the slowest of the neighbours took to its outcome */
async function worstDelay(api: string, prefix: string): Promise<number> {
  const queue = Array.from({ length: NEIGHBOURS }, (_, i) => `${prefix}-${i}`).values();
  let worst = 0;
  const client = async (): Promise<void> => {
    for (const id of queue) {
      const since = Date.now();
      await post(api, id);
      while (
        !(await get(api, id, { Prefer: 'wait=5' })).body.includes('"status":"succeeded","amount"')
      );
      worst = Math.max(worst, Date.now() - since);
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return worst;
}
