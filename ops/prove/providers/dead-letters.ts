/** What cannot be done waits with its reason, and a command frees it: once, however often it is run. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { childEnvironment } from '../../../engine/config/config.js';
import { TOPICS } from '../../../engine/domain/topics.js';
import { packageFile } from '../../../engine/util/paths.js';
import type { Letter } from '../../../workers/dead-letters/dead-letter-queue.js';
import { adminHeaders } from '../../client/admin-headers.js';
import { query } from '../../testing/books.js';
import { chargesOf } from '../../testing/charges.js';
import { get, post, VISA } from '../../testing/checkout-client.js';
import { openSender } from '../../testing/open-producer.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';

const NOTE = 'the provider is well again';
/** The waits between tries, shortened; how many tries there are is not. */
const RETRY_DELAYS = '200ms,400ms,800ms';
const DEAD_MS_MAX = 30_000;
const FREED_MS_MAX = 20_000;
const GARBAGE = 5;

export const deadLetters: Proof = {
  name: 'dead-letters',
  shows:
    'pm_error_9 waits in the DLQ with its reason; redriven twice at once it succeeds, captured once; garbage harms no partition',
  async run(stage: Stage) {
    // Nothing but errors would open the breaker, and what waits for that is no dead letter.
    const settings = { TOLLGATE_RETRY_DELAYS: RETRY_DELAYS, TOLLGATE_BREAKER_CALLS_MIN: '1000' };
    const system = await LocalSystem.start({ settings });
    try {
      await dieAndLive(stage, system);
      await garbage(stage, system);
    } finally {
      await system.stop();
    }
  },
};

async function dieAndLive(stage: Stage, system: LocalSystem): Promise<void> {
  const { api } = system.endpoints;
  const ids = Array.from({ length: stage.size(3, 20) }, (_, i) => `dead-${i}`);
  for (const id of ids) await post(api, id, { ...VISA, payment_method: 'pm_error_9' });
  await until('all are dead letters', DEAD_MS_MAX, async () => {
    const open = await openLetters(system);
    return ids.every((id) => open.some((entry) => entry.key === `default/${id}`));
  });
  const [letter] = await openLetters(system);
  stage.figure('reason / attempts / last answer', `${letter!.reason} / ${letter!.attempts}`);
  stage.figure('', letter!.detail);
  stage.must(letter!.reason === 'provider_error' && letter!.attempts === 6, 'a wrong letter');
  stage.must(letter!.detail.includes('internal_error'), 'the last answer is missing');
  const waiting = (await get(api, ids[0]!)).body;
  stage.must(waiting.includes('"status":"processing","amount"'), 'it does not read processing');
  stage.must(waiting.includes('dead_letter: provider_error'), 'its history does not say why');

  const redrives = [
    redrive(system, [...ids]),
    redrive(system, ['--reason', 'provider_error']),
    redrive(system, ['--older-than', '0s']),
  ];
  const outputs = await Promise.all(redrives);
  const freed = outputs.flatMap((output) =>
    [...output.matchAll(/^redriven (\S+)/gm)].map((m) => m[1]!),
  );
  stage.figure('redriven three times at once: freed', freed.length);
  stage.must(freed.length === ids.length, `${freed.length} were freed, not ${ids.length}`);
  const acts = await query<{ actor: string; note: string }>(
    system,
    `select actor, note from operator_acts where action = 'dlq redrive' order by target::text`,
  );
  stage.figure('rows of the audit log', acts.map((act) => `${act.actor}: ${act.note}`).join(', '));
  stage.must(
    acts.length === redrives.length && acts.every((act) => act.actor !== '' && act.note === NOTE),
    'the audit log does not say who redrove, and why',
  );
  await until('all succeed', FREED_MS_MAX, async () => {
    const bodies = await Promise.all(ids.map(async (id) => (await get(api, id)).body));
    return bodies.every((body) => body.includes('"status":"succeeded","amount"'));
  });
  const captures = await Promise.all(ids.map((id) => chargesOf(system.endpoints.simulator, id)));
  const counts = captures.map((capture) => capture.filter((c) => c.status === 'captured').length);
  stage.figure('succeeded, captures of each', counts.join(' '));
  stage.must(
    counts.every((count) => count === 1),
    'not one capture each',
  );
  stage.must((await openLetters(system)).length === 0, 'letters are still open');
}

async function garbage(stage: Stage, system: LocalSystem): Promise<void> {
  const { api, kafka } = system.endpoints;
  const sender = openSender(kafka);
  try {
    for (let partition = 0; partition < system.partitions; partition++) {
      const records = Array.from({ length: GARBAGE }, (_, i) => ({
        topic: TOPICS.accepted,
        partition,
        key: Buffer.from(`default/garbage-${partition}-${i}`),
        value: Buffer.from([0xc3, 0x01, partition, i]),
      }));
      await sender.send(records);
    }
  } finally {
    await sender.close();
  }
  const count = system.partitions * GARBAGE;
  await until('all garbage is listed', DEAD_MS_MAX, async () => {
    const letters = await openLetters(system);
    return letters.filter((letter) => letter.reason === 'undecodable').length === count;
  });
  const ids = Array.from({ length: 4 * system.partitions }, (_, i) => `after-${i}`);
  for (const id of ids) await post(api, id);
  await until('what comes after it succeeds', FREED_MS_MAX, async () => {
    const bodies = await Promise.all(ids.map(async (id) => (await get(api, id)).body));
    return bodies.every((body) => body.includes('"status":"succeeded","amount"'));
  });
  stage.figure('garbage listed / payments after it', `${count} / ${ids.length} succeeded`);
}

export async function openLetters(system: LocalSystem): Promise<Letter[]> {
  const page = await (
    await fetch(`${system.endpoints.processorAdmin}/dlq`, {
      headers: adminHeaders(system.endpoints.adminTokenFile, 'viewer'),
    })
  ).json();
  return (page as { dead_letters: Letter[] }).dead_letters.filter(
    (letter) => letter.state === 'open',
  );
}

/** `node_modules/.bin/tollgate dlq redrive …`. @returns its output */
async function redrive(system: LocalSystem, args: readonly string[]): Promise<string> {
  const url = system.endpoints.processorAdmin;
  const command = [
    packageFile('ops/cli/tollgate.mjs'),
    'dlq',
    'redrive',
    ...args,
    '--url',
    url,
    '--note',
    NOTE,
  ];
  const child = spawn(process.execPath, command, {
    env: childEnvironment({ TOLLGATE_HOME: system.home }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (entry) => (output += entry));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`tollgate dlq redrive: ${output}`);
  return output;
}
