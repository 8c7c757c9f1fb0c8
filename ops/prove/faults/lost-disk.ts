/** A shard's disk is lost: refused without it, built anew from Kafka, the rest is listed. */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { capturedCharges } from '../../testing/audit.js';
import { get, post } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';
import { load, mustAllSucceed } from '../acceptance/rate.js';

const RATE = 500;
const UNPUBLISHED = 25;

export const lostDisk: Proof = {
  name: 'lost-disk',
  shows: 'a lost volume is refused, built anew from Kafka with the same answers, its losses listed',
  async run(stage: Stage) {
    const mark = join('/tmp', `tollgate-mark-${process.pid}.json`);
    const settings = { TOLLGATE_MARK_FILE: mark, TOLLGATE_MARK_INTERVAL_MS: '100' };
    const system = await LocalSystem.start({ ownServers: true, settings });
    try {
      const bodies = new Map<string, string>();
      const count = stage.size(300, 5_000);
      const result = await load(system, 'kept', count, RATE, (id, body) => bodies.set(id, body));
      mustAllSucceed(stage, result, count);
      const lost = await acceptWithoutKafka(system);
      const old = system.signal('engine', 'SIGKILL');
      rmSync(system.endpoints.dataDir, { recursive: true });
      await system.startKafkaAgain();
      await recover(stage, system, mark, [...bodies.keys(), ...lost], lost);
      await until('the engine is ready again', 30_000, async () => {
        const { pids, admin } = system.endpoints;
        return (
          pids.engine !== old &&
          (await fetch(`${admin}/readyz`).catch(() => undefined))?.ok === true
        );
      });
      await asBefore(stage, system, bodies);
    } finally {
      await system.stop();
      rmSync(mark, { force: true });
    }
  },
};

async function acceptWithoutKafka(system: LocalSystem): Promise<string[]> {
  await system.kafka!.stop('SIGKILL', 1_000);
  const ids = Array.from({ length: UNPUBLISHED }, (_, i) => `lost-${i}`);
  for (const id of ids) {
    const { status } = await post(system.endpoints.api, id);
    if (status !== 202) throw new Error(`without Kafka ${id} is answered ${status}`);
  }
  return ids;
}

async function recover(
  stage: Stage,
  system: LocalSystem,
  mark: string,
  acknowledged: readonly string[],
  lost: readonly string[],
): Promise<void> {
  const list = join(system.home, 'acknowledged.txt');
  writeFileSync(list, acknowledged.map((id) => `default/${id}\n`).join(''));
  const command = ['shard', 'recover', '--from-kafka', '--mark', mark, '--acknowledged', list];
  const env = childEnvironment({
    TOLLGATE_HOME: system.home,
    TOLLGATE_MARK_FILE: mark,
    TOLLGATE_KAFKA_BROKERS: system.endpoints.kafka,
    TOLLGATE_PARTITIONS: `${system.partitions}`,
  });
  const since = Date.now();
  // The supervisor tries to start the engine meanwhile: the database has one owner at a time.
  await until('the volume is recovered', 60_000, async () => {
    const done = spawnSync(process.execPath, [packageFile('ops/cli/tollgate.mjs'), ...command], {
      env,
      encoding: 'utf8',
    });
    if (done.status !== 3) return false;
    const listed = done.stdout.split('\n').filter((line) => line.startsWith('lost: '));
    stage.figure('recovered in', `${((Date.now() - since) / 1_000).toFixed(1)} s`);
    stage.figure('listed as lost', `${listed.length} of ${acknowledged.length}`);
    const isExact =
      listed.length === lost.length &&
      lost.every((id) => done.stdout.includes(`lost: default/${id}\n`));
    stage.must(isExact, 'what is lost is not what is listed');
    stage.must(done.stdout.includes('never reached Kafka'), 'the mark says nothing of the loss');
    return true;
  });
}

async function asBefore(
  stage: Stage,
  system: LocalSystem,
  bodies: ReadonlyMap<string, string>,
): Promise<void> {
  let different = 0;
  for (const [id, body] of bodies) {
    const again = await post(system.endpoints.api, id);
    const { status } = JSON.parse((await get(system.endpoints.api, id)).body) as { status: string };
    const isSame = again.body === body && again.headers.get('idempotent-replayed') === 'true';
    if (!isSame || status !== 'succeeded') different++;
  }
  stage.figure('read back / different', `${bodies.size} / ${different}`);
  stage.must(different === 0, 'an answer is not what it was');
  const captured = await capturedCharges(system);
  const twice = [...captured.values()].filter((n) => n > 1).length;
  stage.must(twice === 0, `${twice} were charged twice`);
  stage.figure('captured / twice', `${captured.size} / ${twice}`);
}
