/**
 * A wrong clock of a processor, an engine, Postgres or Kafka, also one that steps under load: payments may wait
 * for it; none is charged twice, expires early, or is deleted. The provider forgets its keys and finds late,
 * which is when a decision by a wrong clock charges twice. The short form leaves Postgres' and Kafka's out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutAccepted } from '../../../engine/codec/records.js';
import { TOPICS } from '../../../engine/domain/topics.js';
import { readTopic } from '../../../engine/kafka/read-topic.js';
import { query } from '../../testing/audit.js';
import { chargesOf, setFaults } from '../../testing/charges.js';
import { get, post } from '../../testing/checkout-client.js';
import { HostClocks } from '../../testing/host-clocks.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';
import { type ClockCase, DAY_MS, SEEN, WHOLE } from './clock-cases.js';

const KEY_WINDOW_MS = 1_000;
const FIND_LAG_MS = 2_000;
const SETTLE_MS_MAX = 60_000;
/** A send, its time-out, the lag and the bound: after this a second charge would have shown. */
const DOUBT_MS = 9_000;
/** A clock that is read differs from what it was set to by less than this. */
const READ_MS_MAX = 30_000;
const TERMINAL = ['succeeded', 'failed', 'canceled'];
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

export const clocks: Proof = {
  name: 'clocks',
  shows:
    'the clocks of a processor, an engine, Postgres and Kafka a minute or a day off, and stepping under load: none is charged twice, expires early or is deleted',
  async run(stage: Stage) {
    const hosts = new HostClocks();
    const settings = { ...SETTINGS, ...hosts.environment };
    const system = await LocalSystem.start(
      stage.isShort
        ? { settings }
        : { settings, ownServers: true, serverEnvironment: hosts.serverEnvironment() },
    );
    try {
      await setFaults(system.endpoints.simulator, FAULTS);
      for (const clockCase of stage.isShort ? [SEEN] : WHOLE)
        await endure(stage, system, hosts, clockCase, stage.size(16, 60));
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
  clockCase: ClockCase,
  count: number,
): Promise<void> {
  const { name, when } = clockCase;
  const prefix = name.replace(/\W+/g, '-');
  const ids = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  if (when !== 'stepping') await move(stage, system, hosts, clockCase);
  // One request in flight at a time: the step falls between them.
  for (const [i, id] of ids.entries()) {
    if (when === 'stepping' && i === count >> 1) await move(stage, system, hosts, clockCase);
    const { status } = await post(system.endpoints.api, id);
    stage.must(status === 202, `${id} was answered ${status}`);
  }
  await sleep(stage.size(3_000, DOUBT_MS));
  const early = await rowsOf(system, ids);
  await putRight(system, hosts, clockCase);
  await until(`${name}: all have ended`, SETTLE_MS_MAX, async () => {
    const rows = await rowsOf(system, ids);
    return rows.filter((row) => TERMINAL.includes(row.status)).length === count;
  });
  const rows = await rowsOf(system, ids);
  const captures = await Promise.all(ids.map((id) => capturesOf(system, id)));
  const succeeded = rows.filter((row) => row.status === 'succeeded').length;
  const meanwhile = early.filter((row) => row.status === 'succeeded').length;
  stage.figure(name, `${meanwhile} succeeded meanwhile, ${succeeded} of ${count} in the end`);
  stage.must(Math.max(...captures) <= 1, `${name}: captured ${Math.max(...captures)} times`);
  const ended = rows.find((row) => row.status === 'failed' || row.status === 'canceled');
  stage.must(ended === undefined, `${name}: ${JSON.stringify(ended)}`);
  stage.must(rows.length === count, `${name}: ${rows.length} of ${count} have a row`);
  await inKafka(stage, system, clockCase, ids);
}

async function move(
  stage: Stage,
  system: LocalSystem,
  hosts: HostClocks,
  { name, shifts, when }: ClockCase,
): Promise<void> {
  const shift = (): void => {
    for (const [host, ms] of shifts) hosts.shift(host, ms);
  };
  if (typeof when === 'string') shift();
  else await system.restart(when.started, shift);
  const wanted = shifts.find(([host]) => host === 'postgres')?.[1];
  if (wanted === undefined) return;
  const sql = 'select extract(epoch from clock_timestamp())::float8 * 1000 as now';
  const [row] = await query<{ now: number }>(system, sql);
  const moved = row!.now - Date.now();
  stage.must(Math.abs(moved - wanted) < READ_MS_MAX, `${name}: the clock is ${moved} ms off`);
}

async function putRight(
  system: LocalSystem,
  hosts: HostClocks,
  { shifts, when, killsProcessor = false }: ClockCase,
): Promise<void> {
  const shift = (): void => {
    for (const [host] of shifts) hosts.shift(host, 0);
    if (killsProcessor) system.signal('processor', 'SIGKILL');
  };
  if (typeof when === 'string') shift();
  else await system.restart(when.started, shift);
}

/** Every payment still has its record; those of a moved Kafka show its clock. */
async function inKafka(
  stage: Stage,
  system: LocalSystem,
  { name, shifts }: ClockCase,
  ids: readonly string[],
): Promise<void> {
  const appendedAt = new Map<string, number>();
  const { kafka, partitions } = system.books;
  const read = (): Promise<void> =>
    readTopic(kafka, TOPICS.accepted, { partitions }, ({ value, timestamp }) => {
      appendedAt.set(checkoutAccepted.decode(value!).checkout_id, timestamp ?? 0);
    });
  // A broker that has just started leads nothing yet.
  await until(`${name}: Kafka's records are read`, READ_MS_MAX, () =>
    read().then(
      () => true,
      () => false,
    ),
  );
  const gone = ids.find((id) => !appendedAt.has(id));
  stage.must(gone === undefined, `${name}: Kafka has no record of ${gone}`);
  const wanted = shifts.find(([host]) => host === 'kafka')?.[1];
  if (wanted === undefined) return;
  const isMoved = (id: string): boolean => {
    const offMs = appendedAt.get(id)! - Date.now();
    return Math.abs(offMs - wanted) < DAY_MS / 2;
  };
  const moved = ids.filter(isMoved).length;
  stage.figure(`${name}: records of that day`, `${moved} of ${ids.length}`);
  stage.must(moved > 0, `${name}: no record was dated by the moved clock`);
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
  const list = ids.map((id) => `'${id}'`).join(',');
  return query<Row>(
    system,
    `select checkout_id as id, status, failure_code from payments where checkout_id in (${list})`,
  );
}

async function capturesOf(system: LocalSystem, id: string): Promise<number> {
  const charges = await chargesOf(system.endpoints.simulator, id);
  return charges.filter((charge) => charge.status === 'captured').length;
}
