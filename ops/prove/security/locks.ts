/**
 * Locks that the kernel frees. A second supervisor of a home is refused, and so is a second engine on a port
 * or a volume; the answer names the process that has it. After `kill -9` the next start ends the processes that were
 * left behind. It ends no process that only looks like ours, and none that has got a recorded pid since.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, type ProcessIdentity } from '../../../engine/host/processes.js';
import { auditAll } from '../../testing/audit.js';
import { runCli } from '../../testing/client-fixture.js';
import { freePorts } from '../../testing/engine-process.js';
import { payInOrder } from '../../testing/pay-in-order.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';

export const locks: Proof = {
  name: 'locks',
  shows:
    'one supervisor for a home, one engine for a port and a volume; a start ends only what the last one has left behind',
  async run(stage: Stage) {
    const system = await LocalSystem.start();
    const strangers: ChildProcess[] = [];
    try {
      const accepted = await payInOrder(system.endpoints.api, 'before', stage.size(5, 50));
      await refusals(stage, system);
      strangers.push(...lookAlikes(system.home));
      await Promise.all(strangers.map((stranger) => once(stranger, 'spawn')));
      for (let round = 0; round < stage.size(1, 5); round++) {
        await replace(stage, system, strangers[0]!);
        accepted.push(
          ...(await payInOrder(system.endpoints.api, `round-${round}`, stage.size(5, 50))),
        );
      }
      const alive = strangers.filter((stranger) => identityOf(stranger.pid!) !== undefined);
      stage.figure(
        'processes that look like ours / left alone',
        `${strangers.length} / ${alive.length}`,
      );
      stage.must(alive.length === strangers.length, 'a process that is not ours was ended');
      await auditAll(stage, system, accepted);
    } finally {
      for (const stranger of strangers) stranger.kill('SIGKILL');
      await system.stop();
    }
  },
};

/** Everything that would work in the same place, and what it must say. */
async function refusals(stage: Stage, system: LocalSystem): Promise<void> {
  const { environment, endpoints, home, supervisor } = system;
  const engine = endpoints.pids.engine!;
  const ports = await freePorts(2);
  const ownPorts = { TOLLGATE_API_PORT: `${ports[0]}`, TOLLGATE_ADMIN_PORT: `${ports[1]}` };
  const served = {
    ...environment,
    TOLLGATE_KAFKA_BROKERS: endpoints.kafka,
    TOLLGATE_PROVIDERS: 'simulator',
  };
  const port = new URL(endpoints.api).port;
  const cases: [string, string[], Record<string, string>, RegExp][] = [
    [
      'a supervisor',
      ['up'],
      environment,
      new RegExp(`${home} is in use by process ${supervisor} `),
    ],
    [
      'an engine on its port',
      ['engine'],
      { ...served, TOLLGATE_ADMIN_PORT: ownPorts.TOLLGATE_ADMIN_PORT },
      new RegExp(`${port} is taken by process ${engine} .*TOLLGATE_API_PORT`),
    ],
    [
      'an engine on its volume',
      ['engine'],
      { ...served, ...ownPorts },
      /an engine runs on this volume/,
    ],
  ];
  for (const [what, args, settings, wanted] of cases) {
    const { code, output } = await runCli(args, settings);
    stage.must(code === 1 && wanted.test(output), `${what}: ${code}, ${output}`);
  }
  stage.figure('second ones that were refused by name', cases.length);
}

/** Their command lines name the home's folders; none was started by us. */
function lookAlikes(home: string): ChildProcess[] {
  const idle = ['-e', 'setInterval(() => {}, 1000)'];
  return [
    spawn(process.execPath, [...idle, 'tollgate.mjs', 'engine', home]),
    spawn(process.execPath, [...idle, `${join(home, 'data', 'kafka')}/server.properties`]),
    spawn('tail', ['-f', join(home, 'logs', 'kafka.log')], { stdio: 'ignore' }),
  ];
}

/** The record then names a pid that another process has now, started later. */
async function replace(stage: Stage, system: LocalSystem, stranger: ChildProcess): Promise<void> {
  const file = join(system.home, 'processes.json');
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity[];
  const now = identityOf(stranger.pid!)!;
  writeFileSync(file, JSON.stringify([...recorded, { ...now, startTicks: now.startTicks - 1 }]));
  await system.replaceSupervisor();
  const left = recorded.filter(
    (identity) => identityOf(identity.pid)?.startTicks === identity.startTicks,
  );
  stage.must(
    left.length === 0,
    `still there after kill -9: ${left.map((identity) => identity.pid).join(', ')}`,
  );
}
