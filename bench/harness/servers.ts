/** Our processes and servers for the suites, in the stage's folder, on free ports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stackConfig } from '../../engine/config/config.js';
import { behind, Store } from '../../engine/store/store.js';
import { type LocalKafka, startKafka } from '../../ops/local/kafka.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import {
  type EngineProcess,
  freePorts,
  startEngineProcess,
} from '../../ops/testing/engine-process.js';
import { migrateAsOwner } from '../../workers/postgres/migrate.js';
import type { Stage } from './suite.js';

const COUNT_ROWS_MAX = 10_000;

/** An engine whose publishing is off. */
export function startAlone(
  stage: Stage,
  name = 'engine',
  settings: Record<string, string> = {},
): Promise<EngineProcess> {
  return startEngineProcess({
    TOLLGATE_DATA_DIR: stage.folder(name),
    TOLLGATE_CDC: 'off',
    TOLLGATE_LOG_LEVEL: 'warn',
    ...settings,
  });
}

export interface Broker extends LocalKafka {
  readonly brokers: string;
}

export async function startBroker(stage: Stage): Promise<Broker> {
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  const jars = join(stackConfig().cacheDir, 'kafka');
  const kafka = await startKafka({ jars, dir: stage.folder('kafka'), port, controllerPort });
  return Object.assign(kafka, { brokers: `127.0.0.1:${port}` });
}

export async function startDatabase(stage: Stage): Promise<LocalPostgres> {
  const [port] = (await freePorts(1)) as [number];
  const dir = stage.folder('postgres');
  const server = await startPostgres({
    dir,
    port,
    log: join(stage.folder('logs'), 'postgres.log'),
  });
  await migrateAsOwner(server);
  return server;
}

/** Rows of `checkouts` in a store whose engine has stopped. */
export async function countCheckouts(dataDir: string): Promise<number> {
  const store = await Store.open(dataDir, { memtableMb: 16 });
  let count = 0;
  let from: Buffer = Buffer.alloc(0);
  for (;;) {
    const rows = store.range('checkouts', from, undefined, COUNT_ROWS_MAX);
    count += rows.length / 2;
    if (rows.length < 2 * COUNT_ROWS_MAX) break;
    from = behind(rows[rows.length - 2]!);
  }
  await store.close();
  return count;
}

/** Processor seconds that the living threads of a process have used, by the scheduler's own count. */
export function cpuSeconds(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const nanos = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8'));
  return nanos.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e9;
}

export function rssMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) / 1_024;
}
