/**
 * Postgres is restored from an older copy while payments went on: processors call no provider with
 * it, `tollgate recover postgres` brings it up to what Kafka proves, and nothing is charged twice.
 */
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { auditOutcomes } from '../../testing/audit.js';
import { query } from '../../testing/books.js';
import { callsOf, chargesOf, clearFaults, setFaults } from '../../testing/charges.js';
import { get, post, VISA } from '../../testing/checkout-client.js';
import { PartsSystem } from '../../testing/component-system.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { until } from '../../testing/system.js';

const OUTCOME_MS_MAX = 60_000;
const WHILE_OLDER = 'unknown-while-older';
const BLOCKER = 'postgres_older_than_kafka';
/** Short, so that an unknown outcome is looked for within seconds. */
const SETTINGS = { TOLLGATE_PSP_TIMEOUT_MS: '1000', TOLLGATE_PSP_FIRST_BYTE_TIMEOUT_MS: '1000' };

export const postgresReborn: Proof = {
  name: 'postgres-reborn',
  shows:
    'with a Postgres restored from an older copy no provider is called until it is recovered from Kafka; every payment is captured once',
  async run(stage: Stage) {
    const system = await PartsSystem.create(SETTINGS);
    try {
      await system.startAll();
      const count = stage.size(10, 500);
      const before = await pay(system, 'before', count);
      await copyPostgres(system);
      const after = await pay(system, 'after', count);
      const unknown = await leaveUnknown(system, stage.size(3, 50));
      await restorePostgres(system);
      await refuses(stage, system);
      recover(stage, system);
      await system.ready('processor');
      const all = [...before, ...after, ...unknown, WHILE_OLDER];
      for (const id of [...unknown, WHILE_OLDER]) await succeeds(system, id);
      const later = await pay(system, 'later', count);
      const names = [...all, ...later].map((id) => ({ merchant: 'default', id }));
      await auditOutcomes(stage, system.books, names);
      await onceEach(stage, system, unknown);
    } finally {
      await system.close();
    }
  },
};

async function pay(system: PartsSystem, prefix: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  for (const id of ids) await post(system.api, id);
  for (const id of ids) await succeeds(system, id);
  return ids;
}

async function succeeds(system: PartsSystem, id: string): Promise<void> {
  await until(`${id} succeeds`, OUTCOME_MS_MAX, async () =>
    (await get(system.api, id)).body.includes('"status":"succeeded"'),
  );
}

/** A copy of the folder, as a snapshot of its volume gives it. */
async function copyPostgres(system: PartsSystem): Promise<void> {
  await system.stop('processor');
  await system.stop('postgres');
  // With its owner: as root, Postgres runs as another user.
  const { status } = spawnSync('cp', ['-a', system.postgresDir, `${system.postgresDir}.copy`]);
  if (status !== 0) throw new Error('the folder of Postgres was not copied');
  await system.start('postgres');
  await system.start('processor');
  await system.ready('processor');
}

/** Charged, but neither answer nor webhook comes back before Postgres is lost. */
async function leaveUnknown(system: PartsSystem, count: number): Promise<string[]> {
  await setFaults(system.simulator, { webhook_drop_rate: 1 });
  const ids = Array.from({ length: count }, (_, n) => `unknown-${n}`);
  const body = { ...VISA, payment_method: 'pm_timeout' };
  for (const id of ids) await post(system.api, id, body);
  await until('all are charged', OUTCOME_MS_MAX, async () => {
    for (const id of ids) if ((await chargesOf(system.simulator, id)).length === 0) return false;
    return true;
  });
  return ids;
}

async function restorePostgres(system: PartsSystem): Promise<void> {
  await system.stop('processor', 'SIGKILL');
  await system.stop('postgres');
  await clearFaults(system.simulator);
  rmSync(system.postgresDir, { recursive: true });
  renameSync(`${system.postgresDir}.copy`, system.postgresDir);
  await system.start('postgres');
  await system.start('processor');
}

async function refuses(stage: Stage, system: PartsSystem): Promise<void> {
  await until(`/readyz names ${BLOCKER}`, OUTCOME_MS_MAX, async () =>
    (await system.readiness('processor')).includes(BLOCKER),
  );
  const { status } = await post(system.api, WHILE_OLDER);
  stage.must(status === 202, `the engine answers ${status} meanwhile`);
  const calls = await callsOf(system.simulator);
  await sleep(stage.size(2_000, 5_000));
  const made = (await callsOf(system.simulator)) - calls;
  stage.figure('calls while Postgres is older', made);
  stage.must(made === 0, `${made} calls to the provider with an older Postgres`);
}

function recover(stage: Stage, system: PartsSystem): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [packageFile('ops/cli/tollgate.mjs'), 'recover', 'postgres', '--json'],
    { env: childEnvironment(system.environment), encoding: 'utf8' },
  );
  stage.must(status === 0, `tollgate recover postgres ended with ${status}: ${stdout}${stderr}`);
  const { checkouts, added, moved, unknown } = JSON.parse(stdout);
  stage.figure(
    'checkouts / added / moved / asked about',
    [checkouts, added, moved, unknown].join(' / '),
  );
}

async function onceEach(stage: Stage, system: PartsSystem, ids: readonly string[]): Promise<void> {
  for (const id of [...ids, WHILE_OLDER]) {
    const charges = await chargesOf(system.simulator, id);
    stage.must(charges.length === 1, `${id} has ${charges.length} charges`);
  }
  const rows = await query<{ operation: string }>(
    system,
    `select distinct operation from psp_calls where checkout_id like 'unknown-%'`,
  );
  stage.figure(
    'operations on payments of unknown outcome',
    rows.map((row) => row.operation).join(' '),
  );
}
