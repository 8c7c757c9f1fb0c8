/** Each dependency is absent when engine and processor start, for longer than any attempt to connect. */
import { setTimeout as sleep } from 'node:timers/promises';
import { auditOutcomes } from '../../testing/audit.js';
import { get, post } from '../../testing/checkout-client.js';
import { type Part, PartsSystem } from '../../testing/component-system.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { until } from '../../testing/system.js';

const DEPENDENCIES: readonly Part[] = ['kafka', 'postgres', 'simulator'];
const CLIENTS: readonly Part[] = ['engine', 'processor'];
const READY_MS_MAX = 30_000;

export const absent: Proof = {
  name: 'absent',
  shows:
    'a dependency that is absent for 90 s at the start ends no process and stops nothing for good',
  async run(stage: Stage) {
    const connect = { TOLLGATE_KAFKA_CONNECT_TIMEOUT_MS: `${stage.size(500, 10_000)}` };
    const system = await PartsSystem.create(connect);
    const paid: string[] = [];
    try {
      await system.startAll();
      // The short form has all of them absent at once.
      const groups = stage.isShort ? [DEPENDENCIES] : DEPENDENCIES.map((part) => [part]);
      for (const group of groups) await without(stage, system, group, paid);
      const names = paid.map((id) => ({ merchant: 'default', id }));
      await auditOutcomes(stage, system.books, names);
    } finally {
      await system.close();
    }
  },
};

async function without(
  stage: Stage,
  system: PartsSystem,
  dependencies: readonly Part[],
  paid: string[],
): Promise<void> {
  const name = dependencies.join('-');
  for (const client of CLIENTS) await system.stop(client, 'SIGKILL');
  for (const dependency of dependencies) await system.stop(dependency, 'SIGKILL');
  for (const client of CLIENTS) await system.start(client);
  await sleep(stage.size(2_000, 90_000));
  for (const client of CLIENTS)
    stage.must(!system.hasEnded(client), `${client} has ended without ${name}`);
  const since = Date.now();
  await Promise.all(dependencies.map((dependency) => system.start(dependency)));
  for (const client of CLIENTS) await system.ready(client, READY_MS_MAX);
  const id = `after-${name}`;
  await until(
    `${id} is accepted`,
    READY_MS_MAX,
    async () => (await post(system.api, id)).status === 202,
  );
  await until(`${id} succeeds`, READY_MS_MAX, async () =>
    (await get(system.api, id)).body.includes('"status":"succeeded"'),
  );
  paid.push(id);
  const seconds = ((Date.now() - since) / 1_000).toFixed(1);
  stage.figure(`${name} back: ready and paid after`, `${seconds} s`);
}
