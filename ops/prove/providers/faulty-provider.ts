/**
 * A provider as unkind as real ones: it replays its errors, its find lags, its keys are
 * forgotten before the retry. One capture or none, and nothing is stuck without a reason.
 */

import { query } from '../../testing/audit.js';
import { chargesOf, setFaults } from '../../testing/charges.js';
import { post } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';

const KEY_WINDOW_MS = 4_000;
const FIND_LAG_MS = 500;
const SETTLE_MS_MAX = 90_000;
const TIMES = {
  TOLLGATE_RETRY_DELAYS: '300ms,600ms,1s',
  TOLLGATE_PSP_TIMEOUT_MS: '400',
  TOLLGATE_ASK_AFTER_MS: '200',
  TOLLGATE_BREAKER_CALLS_MIN: '100000',
};
/** What the provider states of itself: the times of a real one, shortened. */
const STATED = {
  TOLLGATE_SIMULATOR_KEY_WINDOW_MS: `${KEY_WINDOW_MS}`,
  TOLLGATE_SIMULATOR_FIND_LAG_MS: `${FIND_LAG_MS}`,
  TOLLGATE_SIMULATOR_REPLAYS_ERRORS: 'on',
};

interface Unkindness {
  readonly name: string;
  readonly faults: object;
}

const ALL_AT_ONCE: Unkindness = {
  name: 'everything at once',
  faults: {
    replay_errors: true,
    find_lag_ms: FIND_LAG_MS,
    key_window_ms: KEY_WINDOW_MS,
    error_rate: 0.25,
    timeout_rate: 0.4,
  },
};
const ONE_BY_ONE: readonly Unkindness[] = [
  { name: 'a key replays its 500', faults: { replay_errors: true, error_rate: 0.5 } },
  { name: 'find lags', faults: { find_lag_ms: FIND_LAG_MS, timeout_rate: 0.5, error_rate: 0.3 } },
  {
    name: 'the key window ends before the retry',
    faults: { key_window_ms: KEY_WINDOW_MS, timeout_rate: 0.5, down: true },
  },
];
/** No webhook ever comes: it would spare us the question. */
const KIND = {
  webhook_drop_rate: 1,
  replay_errors: false,
  find_lag_ms: 0,
  key_window_ms: 86_400_000,
  error_rate: 0,
  timeout_rate: 0,
  down: false,
};

export const unkindProvider: Proof = {
  name: 'unkind-provider',
  shows:
    'replayed errors, a find that lags, keys that are forgotten: one capture or none, nothing stuck without a reason',
  async run(stage: Stage) {
    const system = await LocalSystem.start({ settings: { ...TIMES, ...STATED } });
    try {
      for (const unkindness of stage.isShort ? [ALL_AT_ONCE] : [...ONE_BY_ONE, ALL_AT_ONCE])
        await endure(stage, system, unkindness, stage.size(12, 60));
    } finally {
      await system.stop();
    }
    if (!stage.isShort) await control(stage);
  },
};

async function endure(
  stage: Stage,
  system: LocalSystem,
  { name, faults }: Unkindness,
  count: number,
): Promise<void> {
  const { simulator } = system.endpoints;
  await setFaults(simulator, { ...KIND, ...faults });
  // What is down for longer than its key window comes back before the tries are over.
  const up = setTimeout(() => void setFaults(simulator, { down: false }), 3_000);
  const ids = await pay(system, name, count);
  const rows = await settled(system, ids);
  clearTimeout(up);
  const captures = await capturesOf(simulator, ids);
  const dead = rows.filter((row) => row.dead_reason !== null);
  const attempts = rows.filter((row) => row.attempt > 1).length;
  const succeeded = rows.filter((row) => row.status === 'succeeded');
  stage.figure(
    name,
    `${succeeded.length} succeeded, ${dead.length} dead letters, ${attempts} took a second key`,
  );
  stage.must(Math.max(...captures.values()) <= 1, `${name}: captured twice`);
  stage.must(
    succeeded.every((row) => captures.get(row.id) === 1),
    `${name}: succeeded and not captured`,
  );
  stage.must(
    rows.every((row) => row.status === 'succeeded' || row.dead_reason !== null),
    `${name}: ${JSON.stringify(rows.find((row) => row.status !== 'succeeded'))}`,
  );
  stage.must(succeeded.length > 0, `${name}: none succeeded`);
}

/** Told that keys live for a day, a processor captures twice: the proof above can fail. */
async function control(stage: Stage): Promise<void> {
  const system = await LocalSystem.start({ settings: TIMES });
  try {
    const { simulator } = system.endpoints;
    await setFaults(simulator, { ...KIND, key_window_ms: 500, timeout_rate: 1 });
    const ids = await pay(system, 'control', 5);
    await until('a second capture', 30_000, async () => {
      const captures = await capturesOf(simulator, ids);
      return Math.max(...captures.values()) > 1;
    });
    stage.figure('control: told a wrong window', 'captured twice, as it must');
  } finally {
    await system.stop();
  }
}

async function pay(system: LocalSystem, name: string, count: number): Promise<string[]> {
  const prefix = name.replace(/\W+/g, '-');
  const ids = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  for (const id of ids) await post(system.endpoints.api, id);
  return ids;
}

async function capturesOf(simulator: string, ids: readonly string[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const id of ids) {
    const charges = await chargesOf(simulator, id);
    counts.set(id, charges.filter((charge) => charge.status === 'captured').length);
  }
  return counts;
}

interface Row {
  readonly id: string;
  readonly status: string;
  readonly dead_reason: string | null;
  readonly attempt: number;
}

/** Terminal, or waiting with its reason. */
async function settled(system: LocalSystem, ids: readonly string[]): Promise<Row[]> {
  const list = ids.map((id) => `'${id}'`).join(',');
  let rows: Row[] = [];
  await until('all are terminal or dead', SETTLE_MS_MAX, async () => {
    rows = await query<Row>(
      system,
      `select checkout_id as id, status, dead_reason, attempt from payments
       where merchant = 'default' and checkout_id in (${list})`,
    );
    const done = rows.filter((row) => row.status !== 'processing' || row.dead_reason !== null);
    return done.length === ids.length;
  });
  return rows;
}
