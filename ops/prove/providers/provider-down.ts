/** One provider down for minutes: its payments wait and are done afterwards; the other notices nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadResult, runLoad } from '../../load/load.js';
import { query } from '../../testing/audit.js';
import { clearFaults, setFaults } from '../../testing/charges.js';
import { VISA } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { SecondSimulator } from '../../testing/second-simulator.js';
import { LocalSystem, until } from '../../testing/system.js';
import { mustAllSucceed } from '../acceptance/rate.js';
import { openLetters } from './dead-letters.js';

const RATE = 50;
const SLOWER_MAX = 1.5;
/** In the short form the sample is small: a hiccup of the machine is not the provider's. */
const HICCUP_MS = 1_000;
const DRAINED_MS_MAX = 90_000;
const SHORT_TIMES = { TOLLGATE_RETRY_DELAYS: '500ms,2s,10s', TOLLGATE_BREAKER_OPEN_MS: '1000' };

export const providerDown: Proof = {
  name: 'provider-down',
  shows:
    'a provider down for 2 minutes: breaker open, then closed; no dead letter, all done afterwards; the other provider as fast as before',
  async run(stage: Stage) {
    const second = await SecondSimulator.start();
    const times = stage.isShort ? SHORT_TIMES : {};
    const settings = { ...second.settings(false), ...times };
    const system = await LocalSystem.start({ settings });
    try {
      await outage(stage, system);
    } finally {
      await system.stop();
      await second.stop();
    }
  },
};

async function outage(stage: Stage, system: LocalSystem): Promise<void> {
  const { simulator } = system.endpoints;
  const [before, down] = [stage.size(3, 60), stage.size(4, 120)];
  for (const currency of ['USD', 'EUR'])
    mustAllSucceed(stage, await load(system, `warm-${currency}`, currency, RATE), RATE);
  const startAt = new Date();
  const count = RATE * (before + down + 2);
  const victims = load(system, 'victim', 'USD', count);
  const others = load(system, 'other', 'EUR', count);
  await sleep(before * 1_000);
  const downAt = new Date();
  await setFaults(simulator, { down: true });
  await until('the breaker is open', 10_000, async () => (await openBreakers(system)) > 0);
  await sleep(downAt.getTime() + down * 1_000 - Date.now());
  const upAt = new Date();
  stage.must((await openLetters(system)).length === 0, 'there are dead letters');
  stage.must((await openBreakers(system)) > 0, 'the breaker has closed too early');
  await clearFaults(simulator);
  mustAllSucceed(stage, await others, count);
  mustAllSucceed(stage, await victims, count);
  const seconds = ((Date.now() - upAt.getTime()) / 1_000).toFixed(1);
  await until('the breaker is closed', 10_000, async () => (await openBreakers(system)) === 0);
  const opened = await system.metric('processorAdmin', 'breaker_opened_simulator_total');
  stage.figure(`down ${down} s: breakers opened, all closed`, opened);
  stage.figure(
    'payments of the provider, all succeeded',
    `${count}, ${seconds} s after its return`,
  );
  stage.must((await openLetters(system)).length === 0, 'there are dead letters');
  const p99Before = await p99Ms(system, startAt, downAt);
  const p99During = await p99Ms(system, downAt, upAt);
  const ratio = (p99During / p99Before).toFixed(2);
  stage.figure(
    'other provider, p99 before / meanwhile',
    `${p99Before} ms / ${p99During} ms (${ratio}x)`,
  );
  const allowed = SLOWER_MAX * p99Before + stage.size(HICCUP_MS, 0);
  stage.must(p99During <= allowed, 'the other provider was slowed');
}

function load(
  system: LocalSystem,
  prefix: string,
  currency: string,
  count: number,
): Promise<LoadResult> {
  return runLoad({
    api: system.endpoints.api,
    count,
    ratePerSecond: RATE,
    idOf: (n) => `${prefix}-${n}`,
    body: { ...VISA, currency },
    settleMsMax: DRAINED_MS_MAX,
  });
}

/** Worker threads whose breaker is open. */
async function openBreakers(system: LocalSystem): Promise<number> {
  return (await system.metric('processorAdmin', 'breaker_open_simulator')) || 0;
}

/** From acceptance to the outcome in Postgres, of those that were accepted within the time. */
async function p99Ms(system: LocalSystem, from: Date, to: Date): Promise<number> {
  const [row] = await query<{ p99: number }>(
    system,
    `select round(1000 * percentile_cont(0.99) within group (order by extract(epoch
       from e.at - p.accepted_at)))::int as p99
     from payments p join payment_events e using (merchant, checkout_id)
     where p.currency = 'EUR' and e.status = 'succeeded'
       and p.accepted_at between '${from.toISOString()}' and '${to.toISOString()}'`,
  );
  return row!.p99;
}
