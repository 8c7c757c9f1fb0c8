/**
 * The id of a paid checkout is accepted again with another amount, by an engine that has lost the
 * first one: once by its retention, once with its volume. The late checkout must fail by itself.
 */
import { rmSync } from 'node:fs';
import { Retention } from '../../../engine/retention.js';
import { Store } from '../../../engine/store/store.js';
import { createLogger } from '../../../engine/util/log.js';
import { statusDisorder } from '../../testing/audit.js';
import { query } from '../../testing/books.js';
import { chargesOf } from '../../testing/charges.js';
import { get, post, VISA } from '../../testing/checkout-client.js';
import { PartsSystem } from '../../testing/component-system.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { until } from '../../testing/system.js';

const LATE = { ...VISA, amount: 5 };
const OUTCOME_MS_MAX = 30_000;
const YEAR_MS = 365 * 86_400_000;

export const conflict: Proof = {
  name: 'conflict',
  shows:
    'a paid id of 1999 that is accepted again with amount 5 fails as idempotency_key_reuse; the first is charged once',
  async run(stage: Stage) {
    const system = await PartsSystem.create();
    try {
      await system.startAll();
      const rounds = Array.from({ length: stage.size(1, 20) }, (_, n) => n);
      for (const n of rounds) await pay(system, `retired-${n}`);
      await pay(system, 'young');
      await forgetByRetention(system);
      for (const n of rounds) await reuse(stage, system, `retired-${n}`);
      for (const n of rounds) await pay(system, `emptied-${n}`);
      await emptyVolume(system);
      for (const n of rounds) await reuse(stage, system, `emptied-${n}`);
      // A second late checkout of the same meaning is the first late one's replay.
      const replay = await post(system.api, 'emptied-0', LATE);
      stage.must(replay.status === 202, `the late checkout's replay is answered ${replay.status}`);
      await conflictsAreBooked(stage, system, 2 * rounds.length);
    } finally {
      await system.close();
    }
  },
};

async function pay(system: PartsSystem, id: string): Promise<void> {
  await post(system.api, id);
  await reads(system, id, 'succeeded');
}

async function reads(system: PartsSystem, id: string, status: string): Promise<void> {
  await until(`${id} reads ${status}`, OUTCOME_MS_MAX, async () =>
    (await get(system.api, id)).body.includes(`"status":"${status}"`),
  );
}

/** The very pass that an engine makes, a year later. */
async function forgetByRetention(system: PartsSystem): Promise<void> {
  await system.stop('engine');
  const store = await Store.open(system.dataDir, { memtableMb: 8 });
  // A volume that holds nothing at all would be refused as emptied.
  const young = Buffer.from('default/young');
  const row = store.get('checkouts', young);
  const logger = createLogger('proof', 'error');
  const later = (): number => Date.now() + YEAR_MS;
  const times = { publishedUpTo: later, kafkaTime: later };
  const retention = new Retention({ store, keepMs: 1_000, ...times, logger });
  await retention.pass(later());
  retention.stop();
  const batch = store.batch();
  batch.put('checkouts', young, row!);
  batch.write();
  await store.close();
  await system.start('engine');
  await system.ready('engine');
}

async function emptyVolume(system: PartsSystem): Promise<void> {
  await system.stop('engine');
  rmSync(system.dataDir, { recursive: true });
  await system.start('engine', { TOLLGATE_ACCEPT_LOSS: 'true' });
  await system.ready('engine');
}

async function reuse(stage: Stage, system: PartsSystem, id: string): Promise<void> {
  const unknown = await get(system.api, id);
  stage.must(unknown.status === 404, `${id} is still known: ${unknown.status}`);
  const { status } = await post(system.api, id, LATE);
  stage.must(status === 202, `${id} is answered ${status}`);
  const seen = new Set<string>();
  await until(`${id} has an outcome`, OUTCOME_MS_MAX, async () => {
    const payment = JSON.parse((await get(system.api, id)).body);
    seen.add(payment.status);
    return ['succeeded', 'failed', 'canceled'].includes(payment.status);
  });
  const payment = JSON.parse((await get(system.api, id)).body);
  const charges = await chargesOf(system.simulator, id);
  stage.figure(
    `${id}: statuses / amount / failure_code / captures`,
    `${[...seen].join(' ')} / ${payment.amount} / ${payment.failure_code} / ${charges.length}`,
  );
  stage.must(!seen.has('succeeded'), `${id} of amount 5 reads succeeded`);
  stage.must(payment.failure_code === 'idempotency_key_reuse', 'another failure code');
  stage.must(charges.length === 1 && charges[0]!.amount === VISA.amount, 'another charge');
}

async function conflictsAreBooked(stage: Stage, system: PartsSystem, count: number): Promise<void> {
  const [row] = await query<{ all: string; right: string }>(
    system,
    `select count(*) as all, count(*) filter (where c.amount = ${LATE.amount}
       and p.amount = ${VISA.amount} and p.status = 'succeeded') as right
     from checkout_conflicts c join payments p using (merchant, checkout_id)`,
  );
  stage.figure('checkout_conflicts: all / beside a paid first', `${row!.all} / ${row!.right}`);
  stage.must(Number(row!.all) === count, 'the table of conflicts has another number of rows');
  stage.must(Number(row!.right) === count, 'a conflict or its first payment is wrong');
  const { kafka, shards } = system.books;
  const disorder = await statusDisorder(kafka, true, { shards });
  stage.must(disorder === undefined, `payments.status: ${disorder}`);
}
