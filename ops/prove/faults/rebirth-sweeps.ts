/**
 * Outages twelve times as long as the sweeper's waiting time (two hours for its ten minutes),
 * with the engine running: how many records of payments.accepted there are per payment.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from '../../../engine/domain/topics.js';
import { readTopic } from '../../../engine/kafka/read-topic.js';
import type { Stage } from '../../testing/proof.js';
import type { LocalSystem } from '../../testing/system.js';
import { load, mustAllSucceed } from '../acceptance/rate.js';

const FACTOR_MAX = 1.1;
const RATE = 50;
const OUTAGE_MS = 24_000;

interface Outage {
  readonly name: string;
  begin(system: LocalSystem): Promise<unknown>;
  end(system: LocalSystem): Promise<unknown>;
}

const OUTAGES: readonly Outage[] = [
  {
    name: 'Kafka',
    begin: (system) => system.kafka!.stop('SIGKILL', 1_000),
    end: (system) => system.startKafkaAgain(),
  },
  {
    name: 'Postgres',
    begin: (system) => system.postgres!.stop('SIGINT', 5_000),
    end: (system) => system.startPostgresAgain(),
  },
  {
    name: 'processors',
    begin: async (system) => system.signal('processor', 'SIGSTOP'),
    end: async (system) => system.signal('processor', 'SIGCONT'),
  },
];

export async function sweeperFactor(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
): Promise<void> {
  for (const { name, begin, end } of OUTAGES) {
    const prefix = `sweep-${name}`;
    const count = (RATE * (OUTAGE_MS + 6_000)) / 1_000;
    const loading = load(system, prefix, count, RATE, (id) => accepted.push(id));
    await sleep(2_000);
    await begin(system);
    await sleep(OUTAGE_MS);
    await end(system);
    mustAllSucceed(stage, await loading, count);
    const { records, sources } = await recordsOf(system, prefix);
    const factor = records / count;
    const shown = [...sources].map(([source, n]) => `${source} ${n}`).join(', ');
    stage.figure(
      `${name} away ${OUTAGE_MS / 1_000} s: records per payment`,
      `${factor.toFixed(3)} (${shown})`,
    );
    stage.must(factor <= FACTOR_MAX, `${factor.toFixed(2)} records per payment`);
  }
}

async function recordsOf(
  system: LocalSystem,
  prefix: string,
): Promise<{ records: number; sources: ReadonlyMap<string, number> }> {
  let records = 0;
  const sources = new Map<string, number>();
  await readTopic(system.endpoints.kafka, TOPICS.accepted, {}, ({ key, headers }) => {
    if (!`${key}`.includes(`/${prefix}-`)) return;
    records++;
    const source = parseOrigin(String(headers?.[0]?.[ORIGIN_HEADER]))?.source ?? 'none';
    sources.set(source, (sources.get(source) ?? 0) + 1);
  });
  return { records, sources };
}
