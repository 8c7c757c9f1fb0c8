/**
 * A wrong clock of a processor or an engine, also one that steps under load: payments may wait for it; none is
 * charged twice, expires early, or is deleted. The provider forgets its keys and finds late, which
 * is when a decision by a wrong clock charges twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { get, post } from '../e2e/checkout-client.js';
import { query } from './audit.js';
import { chargesOf, setFaults } from './charges.js';
import { type Host, HostClocks } from './host-clocks.js';
import type { Proof, Stage } from './proof.js';
import { LocalSystem, until } from './system.js';

const DAY_MS = 86_400_000;
const KEY_WINDOW_MS = 1_000;
const FIND_LAG_MS = 2_000;
const SETTLE_MS_MAX = 60_000;
/** A send, its time-out, the lag and the bound: after this a second charge would have shown. */
const DOUBT_MS = 9_000;
const SETTINGS = {
  TOLLGATE_RETRY_DELAYS: '300ms,600ms,1s',
  TOLLGATE_PSP_TIMEOUT_MS: '400',
  TOLLGATE_ASK_AFTER_MS: '200',
  TOLLGATE_ATTEMPTS_MAX: '50',
  TOLLGATE_BREAKER_CALLS_MIN: '100000',
  TOLLGATE_CLOCK_SKEW_MAX_MS: '1000',
  TOLLGATE_DEADLINE_MS: `${DAY_MS / 2}`,
  TOLLGATE_SIMULATOR_KEY_WINDOW_MS: `${KEY_WINDOW_MS}`,
  TOLLGATE_SIMULATOR_FIND_LAG_MS: `${FIND_LAG_MS}`,
};
/** Most charges are taken and answered too late; no webhook tells. */
const FAULTS = {
  webhook_drop_rate: 1,
  timeout_rate: 0.7,
  find_lag_ms: FIND_LAG_MS,
  key_window_ms: KEY_WINDOW_MS,
};

interface Case {
  readonly name: string;
  readonly shifts: readonly (readonly [Host, number])[];
  /** The clock steps when half of the payments are accepted, else before the first. */
  readonly isStepping: boolean;
}

const SEEN: Case = {
  name: 'processor 60 s ahead, engine a day behind',
  shifts: [
    ['processor', 60_000],
    ['engine', -DAY_MS],
  ],
  isStepping: false,
};
const WHOLE: readonly Case[] = [
  { name: 'processor 60 s ahead', shifts: [['processor', 60_000]], isStepping: false },
  ...(['processor', 'engine'] as const).flatMap((host) =>
    [DAY_MS, -DAY_MS].map((ms) => ({
      name: `${host} steps ${ms > 0 ? 'ahead' : 'back'} a day`,
      shifts: [[host, ms]] as const,
      isStepping: true,
    })),
  ),
];

export const clocks: Proof = {
  name: 'clocks',
  shows:
    'the clock of a processor and of an engine a minute or a day off, and stepping under load: none is charged twice, expires early or is deleted',
  async run(stage: Stage) {
    const hosts = new HostClocks();
    const system = await LocalSystem.start({
      settings: { ...SETTINGS, ...hosts.environment },
    });
    try {
      await setFaults(system.endpoints.simulator, FAULTS);
      for (const it of stage.isShort ? [SEEN] : WHOLE)
        await endure(stage, system, hosts, it, stage.size(16, 60));
      await nothingIsGone(stage, system);
    } finally {
      await system.stop();
      hosts.remove();
    }
  },
};

async function endure(
  stage: Stage,
  system: LocalSystem,
  hosts: HostClocks,
  { name, shifts, isStepping }: Case,
  count: number,
): Promise<void> {
  const prefix = name.replace(/\W+/g, '-');
  const ids = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  const move = (isRight: boolean): void => {
    for (const [host, ms] of shifts) hosts.shift(host, isRight ? 0 : ms);
  };
  if (!isStepping) move(false);
  // One request in flight at a time: the step falls between them.
  for (const [i, id] of ids.entries()) {
    if (isStepping && i === count >> 1) move(false);
    const { status } = await post(system.endpoints.api, id);
    stage.must(status === 202, `${id} was answered ${status}`);
  }
  await sleep(stage.size(3_000, DOUBT_MS));
  const early = await rowsOf(system, ids);
  move(true);
  await until(`${name}: all are succeeded`, SETTLE_MS_MAX, async () => {
    const ended = (await rowsOf(system, ids)).filter((it) => it.status === 'succeeded');
    return ended.length === count;
  });
  const rows = await rowsOf(system, ids);
  const captures = await Promise.all(ids.map((id) => capturesOf(system, id)));
  const succeeded = rows.filter((it) => it.status === 'succeeded').length;
  const meanwhile = early.filter((it) => it.status === 'succeeded').length;
  stage.figure(name, `${meanwhile} succeeded meanwhile, ${succeeded} of ${count} in the end`);
  stage.must(Math.max(...captures) <= 1, `${name}: captured ${Math.max(...captures)} times`);
  const ended = rows.find((it) => it.status === 'failed' || it.status === 'canceled');
  stage.must(ended === undefined, `${name}: ${JSON.stringify(ended)}`);
  stage.must(rows.length === count, `${name}: ${rows.length} of ${count} have a row`);
}

async function nothingIsGone(stage: Stage, system: LocalSystem): Promise<void> {
  const rows = await query<{ id: string }>(system, 'select checkout_id as id from payments');
  for (const { id } of rows) {
    const { status } = await get(system.endpoints.api, id);
    stage.must(status === 200, `GET ${id} answers ${status}`);
  }
  stage.figure('payments that read back', rows.length);
}

interface Row {
  readonly id: string;
  readonly status: string;
  readonly failure_code: string | null;
}

function rowsOf(system: LocalSystem, ids: readonly string[]): Promise<Row[]> {
  const list = ids.map((it) => `'${it}'`).join(',');
  return query<Row>(
    system,
    `select checkout_id as id, status, failure_code from payments where checkout_id in (${list})`,
  );
}

async function capturesOf(system: LocalSystem, id: string): Promise<number> {
  const charges = await chargesOf(system.endpoints.simulator, id);
  return charges.filter((it) => it.status === 'captured').length;
}
