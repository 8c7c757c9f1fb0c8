/** Kafka and Postgres away under load: checkouts go on, and everything finishes afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import { auditAll } from '../../testing/audit.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';
import { load, mustAllSucceed } from '../acceptance/rate.js';

/** Shorter than the outages, so that the producer gives records up and starts again. */
const MESSAGE_TIMEOUT_MS = 10_000;
const RATE = 200;

interface Outage {
  readonly name: string;
  readonly begin: (system: LocalSystem) => Promise<void>;
  readonly end: (system: LocalSystem) => Promise<void>;
  readonly stopsCalls: boolean;
}

const OUTAGES: readonly Outage[] = [
  {
    name: 'Kafka stopped (SIGSTOP)',
    begin: async (system) => void process.kill(system.kafka!.pid, 'SIGSTOP'),
    end: async (system) => void process.kill(system.kafka!.pid, 'SIGCONT'),
    stopsCalls: false,
  },
  {
    name: 'Kafka killed',
    begin: (system) => system.kafka!.stop('SIGKILL', 1_000),
    end: (system) => system.startKafkaAgain(),
    stopsCalls: false,
  },
  {
    name: 'Postgres killed',
    begin: (system) => system.postgres!.stop('SIGKILL', 1_000),
    end: (system) => system.startPostgresAgain(),
    stopsCalls: true,
  },
];

export const outage: Proof = {
  name: 'outage',
  shows: 'Kafka or Postgres away for 60 s under load: accepted all the same, finished afterwards',
  async run(stage: Stage) {
    const timeout = {
      TOLLGATE_KAFKA_MESSAGE_TIMEOUT_MS: `${stage.size(2_000, MESSAGE_TIMEOUT_MS)}`,
    };
    const system = await LocalSystem.start({ ownServers: true, settings: timeout });
    const accepted: string[] = [];
    try {
      await load(system, 'warm', 100, 100, (id) => accepted.push(id));
      for (const entry of OUTAGES) await survive(stage, system, entry, accepted);
      stage.figure('producers started again', await system.metric('admin', 'cdc_restarts_total'));
      await killWithoutKafka(stage, system, accepted);
      await auditAll(stage, system, accepted, { allowRepeats: true });
    } finally {
      await system.stop();
    }
    if (!stage.isShort) await control(stage);
  },
};

async function survive(
  stage: Stage,
  system: LocalSystem,
  entry: Outage,
  accepted: string[],
): Promise<void> {
  const seconds = stage.size(4, 60);
  const count = RATE * (seconds + 4);
  const before = accepted.length;
  const loading = load(system, entry.name.replace(/\W+/g, '-'), count, RATE, (id) =>
    accepted.push(id),
  );
  await sleep(2_000);
  await entry.begin(system);
  await sleep(1_000);
  const callsBefore = await calls(system);
  await sleep((seconds - 1) * 1_000);
  const callsDuring = (await calls(system)) - callsBefore;
  const acceptedDuring = accepted.length - before;
  await entry.end(system);
  const since = Date.now();
  const result = await loading;
  mustAllSucceed(stage, result, count);
  stage.figure(
    `${entry.name} ${seconds} s: accepted by its end / calls`,
    `${acceptedDuring} / ${callsDuring}, all done ${((Date.now() - since) / 1_000).toFixed(1)} s later`,
  );
  stage.must(acceptedDuring > RATE * seconds * 0.9, 'checkouts were not accepted meanwhile');
  if (entry.stopsCalls) stage.must(callsDuring === 0, `${callsDuring} PSP calls without Postgres`);
}

/** Accepted while Kafka is down, then the engine dies: all of it comes from the log. */
async function killWithoutKafka(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
): Promise<void> {
  const count = stage.size(500, 5_000);
  await system.kafka?.stop('SIGKILL', 1_000);
  const loading = load(system, 'dark', count, 1_000, (id) => accepted.push(id));
  const before = accepted.length;
  await until('all are accepted', 60_000, async () => accepted.length - before >= count);
  await system.killAndWait('engine');
  await system.startKafkaAgain();
  mustAllSucceed(stage, await loading, count);
  stage.figure('accepted without Kafka, then kill -9', `${count}, all succeeded`);
}

/** With the log's reader off nothing moves: the proofs above cannot hold by another way. */
async function control(stage: Stage): Promise<void> {
  const system = await LocalSystem.start({ settings: { TOLLGATE_CDC: 'off' } });
  try {
    const accepted: string[] = [];
    void load(system, 'control', 50, 100, (id) => accepted.push(id)).catch(() => {});
    await until('50 are accepted', 10_000, async () => accepted.length === 50);
    await sleep(3_000);
    const moved = await calls(system);
    stage.figure('log reader off: accepted / calls', `${accepted.length} / ${moved}`);
    stage.must(moved === 0, 'payments moved without the write-ahead log');
  } finally {
    await system.stop();
  }
}

async function calls(system: LocalSystem): Promise<number> {
  const summary = await (await fetch(`${system.endpoints.simulator}/ledger/summary`)).json();
  return (summary as { calls: number }).calls;
}
