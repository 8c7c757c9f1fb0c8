/**
 * The processor killed at random moments, between any two of its steps, while two providers
 * come and go: both ledgers together hold each payment once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_MERCHANT } from '../../../engine/domain/payment.js';
import { query } from '../../testing/audit.js';
import { clearFaults, type LedgerCharge, setFaults } from '../../testing/charges.js';
import { post, VISA } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { leftBehind } from '../../testing/read-back.js';
import { SecondSimulator } from '../../testing/second-simulator.js';
import { LocalSystem, until } from '../../testing/system.js';

const SETTINGS = {
  TOLLGATE_RETRY_DELAYS: '300ms,1s,3s',
  TOLLGATE_PSP_TIMEOUT_MS: '500',
  TOLLGATE_ASK_AFTER_MS: '300',
  TOLLGATE_BREAKER_OPEN_MS: '500',
  TOLLGATE_BREAKER_CALLS_MIN: '10',
  // They come and go all the time: nobody is given up.
  TOLLGATE_ATTEMPTS_MAX: '1000',
};
const RATE = 40;
const KILL_AFTER_MS_MAX = 8_000;
const KIND = { down: false, error_rate: 0, timeout_rate: 0 };
const MOODS: readonly object[] = [
  KIND,
  { ...KIND, down: true },
  { ...KIND, error_rate: 0.9 },
  { ...KIND, timeout_rate: 0.3 },
  KIND,
];

export const killBetween: Proof = {
  name: 'kill-between',
  shows:
    'kill -9 of the processor at 100 random moments, two providers coming and going: none captured twice over both ledgers, none lost, no status left behind',
  async run(stage: Stage) {
    const second = await SecondSimulator.start();
    const system = await LocalSystem.start({ settings: { ...second.settings(true), ...SETTINGS } });
    try {
      const simulators = [system.endpoints.simulator, second.url];
      const accepted = await killUnderLoad(stage, system, simulators);
      await audit(stage, system, simulators, accepted);
    } finally {
      await system.stop();
      await second.stop();
    }
  },
};

async function killUnderLoad(
  stage: Stage,
  system: LocalSystem,
  simulators: readonly string[],
): Promise<string[]> {
  const stop = new AbortController();
  const accepted: string[] = [];
  const work = [payAllTheTime(system, accepted, stop.signal), changeMoods(simulators, stop.signal)];
  const kills = stage.size(2, 100);
  for (let i = 0; i < kills; i++) {
    await sleep(Math.random() * stage.size(2_500, KILL_AFTER_MS_MAX));
    await system.killAndWait('processor');
  }
  stop.abort();
  await Promise.all(work);
  await Promise.all(simulators.map(clearFaults));
  stage.figure('killed / accepted meanwhile', `${kills} / ${accepted.length}`);
  return accepted;
}

async function payAllTheTime(
  system: LocalSystem,
  accepted: string[],
  signal: AbortSignal,
): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const id = `between-${n}`;
    const currency = n % 2 === 0 ? 'USD' : 'EUR';
    const { status } = await post(system.endpoints.api, id, { ...VISA, currency });
    if (status === 202) accepted.push(id);
    await sleep(1_000 / RATE);
  }
}

async function changeMoods(simulators: readonly string[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const simulator = simulators[Math.floor(Math.random() * simulators.length)]!;
    await setFaults(simulator, MOODS[Math.floor(Math.random() * MOODS.length)]!);
    await sleep(200 + Math.random() * 1_500);
  }
}

async function audit(
  stage: Stage,
  system: LocalSystem,
  simulators: readonly string[],
  accepted: readonly string[],
): Promise<void> {
  const since = Date.now();
  await until('all succeed and are published', stage.size(90_000, 240_000), async () => {
    const [row] = await query<{ done: string }>(
      system,
      `select count(*) as done from payments
       where status = 'succeeded' and published_version = version`,
    );
    return Number(row!.done) === accepted.length;
  });
  stage.figure(
    'all succeeded, after the last kill',
    `${((Date.now() - since) / 1_000).toFixed(1)} s`,
  );
  const captures = new Map<string, number>();
  for (const simulator of simulators) {
    const charges = await captured(simulator);
    for (const { checkout_id } of charges)
      captures.set(checkout_id, (captures.get(checkout_id) ?? 0) + 1);
    stage.figure(simulator, `${charges.length} captured`);
    stage.must(charges.length > 0, 'one provider had nothing to do');
  }
  const twice = [...captures].filter(([, n]) => n > 1).map(([id]) => id);
  stage.must(twice.length === 0, `${twice.length} captured twice, e.g. ${twice[0]}`);
  const lost = accepted.filter((id) => !captures.has(id));
  stage.must(lost.length === 0, `${lost.length} not captured, e.g. ${lost[0]}`);
  const behind = await leftBehind(
    system.books,
    accepted.map((id) => ({ merchant: DEFAULT_MERCHANT, id })),
  );
  stage.must(behind.length === 0, `${behind.length} statuses are left behind, e.g. ${behind[0]}`);
  const [row] = await query<{ fell_back: string; again: string }>(
    system,
    `select count(*) filter (where provider <> case currency when 'EUR' then 'simulator_b'
       else 'simulator' end) as fell_back, count(*) filter (where asks > 0) as again from payments`,
  );
  stage.figure('of these fell back / were taken up again', `${row!.fell_back} / ${row!.again}`);
}

async function captured(simulator: string): Promise<LedgerCharge[]> {
  const charges: LedgerCharge[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const response: Response = await fetch(`${simulator}/ledger?after=${after}`);
    const page = (await response.json()) as { charges: LedgerCharge[]; next?: number };
    charges.push(...page.charges.filter((charge) => charge.status === 'captured'));
    after = page.next;
  }
  return charges;
}
