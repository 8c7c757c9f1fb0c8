/**
 * An old copy of the shard's volume, and an emptied one, under the supervisor that starts a
 * refused engine again: every start is refused, no replay is answered anew, and the newest
 * volume in its place serves as before.
 */
import { cpSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../../testing/checkout-client.js';
import type { Stage } from '../../testing/proof.js';
import { type LocalSystem, until } from '../../testing/system.js';
import { acceptAll, untilAllSucceeded } from './rebirth-case.js';

const RESTARTS = 10;
const RESTARTS_SHORT = 2;

export async function oldVolume(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
): Promise<void> {
  const { dataDir } = system.endpoints;
  const copy = `${dataDir}.old`;
  await fill(stage, system, accepted, 'before-copy');
  // What a snapshot of the disk holds.
  system.signal('engine', 'SIGSTOP');
  cpSync(dataDir, copy, { recursive: true });
  system.signal('engine', 'SIGCONT');
  await refused(stage, system, accepted, 'an old volume', () => renameSync(copy, dataDir));
}

export async function emptiedVolume(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
): Promise<void> {
  await refused(stage, system, accepted, 'an emptied volume', () => {});
}

async function fill(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
  prefix: string,
): Promise<Map<string, string>> {
  const answers = await acceptAll(system, prefix, stage.size(20, 500));
  accepted.push(...answers.keys());
  await untilAllSucceeded(system, answers.keys(), prefix);
  return answers;
}

/** @param put puts the wrong volume in the place of the right one */
async function refused(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
  what: string,
  put: () => void,
): Promise<void> {
  const { dataDir } = system.endpoints;
  const answers = await fill(stage, system, accepted, what.replaceAll(' ', '-'));
  const newest = `${dataDir}.newest`;
  const before = refusals(system).length;
  system.signal('engine', 'SIGKILL');
  renameSync(dataDir, newest);
  put();
  const wanted = stage.size(RESTARTS_SHORT, RESTARTS);
  let answered = 0;
  const ids = [...answers.keys()];
  for (let n = 0; refusals(system).length < before + wanted; n++) {
    stage.must(n < 1_200, `${refusals(system).length - before} of ${wanted} starts were refused`);
    const answer = await post(system.endpoints.api, ids[n % ids.length]!).catch(() => undefined);
    if (answer !== undefined) answered++;
    await sleep(100);
  }
  const sentences = new Set(refusals(system).slice(before));
  stage.figure(`${what}: starts refused / answers`, `${wanted} / ${answered}`);
  stage.must(answered === 0, `${what} answered ${answered} replays`);
  stage.must(sentences.size === 1, `${sentences.size} different sentences`);
  rmSync(dataDir, { recursive: true });
  renameSync(newest, dataDir);
  await asBefore(stage, system, answers, what);
}

async function asBefore(
  stage: Stage,
  system: LocalSystem,
  answers: ReadonlyMap<string, string>,
  what: string,
): Promise<void> {
  await until('the newest volume serves', 60_000, async () => {
    return (await fetch(`${system.endpoints.admin}/readyz`).catch(() => undefined))?.ok === true;
  });
  let different = 0;
  for (const [id, body] of answers)
    if ((await post(system.endpoints.api, id)).body !== body) different++;
  stage.figure(`${what}: replays after it / different`, `${answers.size} / ${different}`);
  stage.must(different === 0, 'a replay was answered anew');
}

/** The sentences with which the engine refused its volume, in the order of its starts. */
function refusals(system: LocalSystem): string[] {
  const log = readFileSync(join(system.home, 'logs', 'engine.log'), 'utf8');
  return log.split('\n').filter((line) => /^tollgate: Kafka (holds|names)/.test(line));
}
