/** Damage to the log, an old copy of the volume: refused with the reason; a torn tail starts. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackConfig } from '../../../engine/config/config.js';
import { startKafka } from '../../local/kafka.js';
import { get, post } from '../../testing/checkout-client.js';
import { type EngineProcess, freePorts, startEngineProcess } from '../../testing/engine-process.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { until } from '../../testing/system.js';

export const damage: Proof = {
  name: 'damage',
  shows:
    'a damaged log and an old copy of the volume are refused with the reason; a torn last record starts',
  async run(stage: Stage) {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-damage-'));
    const [port, controllerPort] = (await freePorts(2)) as [number, number];
    const jars = join(stackConfig().cacheDir, 'kafka');
    const kafka = await startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort });
    const volumes = new Volumes(dir, `127.0.0.1:${port}`);
    try {
      await makeHistory(volumes, stage.size(200, 2_000));
      await damaged(stage, volumes);
      await oldCopy(stage, volumes);
    } finally {
      await kafka.stop('SIGTERM', 5_000);
      rmSync(dir, { recursive: true });
    }
  },
};

class Volumes {
  readonly #dir: string;
  readonly #brokers: string;

  constructor(dir: string, brokers: string) {
    this.#dir = dir;
    this.#brokers = brokers;
  }

  path(name: string): string {
    return join(this.#dir, name);
  }

  copy(from: string, to: string): string {
    rmSync(this.path(to), { recursive: true, force: true });
    cpSync(this.path(from), this.path(to), { recursive: true });
    return this.path(to);
  }

  start(name: string, settings: Record<string, string> = {}): Promise<EngineProcess> {
    return startEngineProcess({
      TOLLGATE_DATA_DIR: this.path(name),
      TOLLGATE_KAFKA_BROKERS: this.#brokers,
      TOLLGATE_PARTITIONS: '4',
      ...settings,
    });
  }

  /** @returns what the engine says on its way out; undefined when it starts after all */
  async refusal(name: string): Promise<string | undefined> {
    try {
      const engine = await this.start(name);
      await engine.stop();
      return undefined;
    } catch (error) {
      return (error as Error).message.split('\n').find((line) => line.startsWith('tollgate:'));
    }
  }
}

/** `old` is a copy of `now` before its second half was accepted and published. */
async function makeHistory(volumes: Volumes, count: number): Promise<void> {
  for (const half of ['first', 'second']) {
    const engine = await volumes.start('now');
    for (let n = 0; n < count; n++) await post(engine.api, `${half}-${n}`);
    await until('all is in Kafka', 30_000, async () => {
      const lag = await engine.metric('cdc_lag_sequences');
      return lag === 0 && (await engine.metric('cdc_connected')) === 1;
    });
    await engine.stop();
    if (half === 'first') volumes.copy('now', 'old');
  }
}

async function damaged(stage: Stage, volumes: Volumes): Promise<void> {
  const logOf = (volume: string): string => {
    const db = join(volume, 'db');
    const logs = readdirSync(db)
      .filter((name) => name.endsWith('.log'))
      .sort();
    return join(db, logs.at(-1)!);
  };
  const cases: [string, (log: string, bytes: Buffer) => void][] = [
    [
      'a flipped bit',
      (log, bytes) => {
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(log, bytes);
      },
    ],
    ['a missing file', (log) => rmSync(log)],
    ['an end cut off', (log, bytes) => writeFileSync(log, bytes.subarray(0, bytes.length >> 1))],
  ];
  for (const [name, harm] of cases) {
    const log = logOf(volumes.copy('now', 'harmed'));
    harm(log, readFileSync(log));
    const said = await volumes.refusal('harmed');
    stage.figure(name, said?.slice(0, 150) ?? 'STARTED');
    stage.must(said !== undefined, `${name} was not noticed`);
  }
  const log = logOf(volumes.copy('now', 'torn'));
  const bytes = readFileSync(log);
  writeFileSync(log, Buffer.concat([bytes, bytes.subarray(0, 40)]));
  const engine = await volumes.start('torn');
  const { status } = await get(engine.api, 'second-0');
  await engine.stop();
  stage.figure('a torn last record', `starts, GET ${status}`);
  stage.must(status === 200, 'the torn volume lost a payment');
}

async function oldCopy(stage: Stage, volumes: Volumes): Promise<void> {
  const said = await volumes.refusal('old');
  stage.figure('an old copy', said?.slice(0, 150) ?? 'STARTED');
  stage.must(said?.includes('old copy') === true, 'the old copy was not noticed');
  for (const start of ['the first', 'the second'] as const) {
    const accept = start === 'the first' ? { TOLLGATE_ACCEPT_LOSS: 'on' } : {};
    const engine = await volumes.start('old', accept);
    await until('it publishes again', 30_000, async () => {
      return (
        (await engine.metric('cdc_connected')) === 1 &&
        (await engine.metric('cdc_lag_sequences')) === 0
      );
    });
    const rescans = await engine.metric('cdc_rescans_total');
    const { status } = await post(engine.api, `after-${start.slice(4)}`);
    stage.figure(`loss accepted, ${start} start`, `rescans ${rescans}, POST ${status}`);
    stage.must(status === 202, 'it does not accept');
    stage.must(rescans === (start === 'the first' ? 1 : 0), `${rescans} rescans`);
    if (start === 'the first')
      await until('the rescan is done', 30_000, async () => {
        return (await engine.metric('cdc_rescanning')) === 0;
      });
    await engine.stop();
  }
}
