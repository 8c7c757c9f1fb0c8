/** A processor beside the system's own, for proofs; what it says goes to a file of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment, localProviders } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { type Running, startChild } from '../local/child.js';
import { freePorts } from './engine-process.js';
import type { LocalSystem } from './system.js';

const LAST_CHARACTERS = 4_000;

export interface ExtraProcessor extends Running {
  /** The end of what it has written so far. */
  output(): string;
}

/** @param settings beside those of the system's own servers */
export async function startExtraProcessor(
  system: LocalSystem,
  settings: Readonly<Record<string, string>> = {},
): Promise<ExtraProcessor> {
  const [port] = await freePorts(1);
  const { kafka, postgres, simulator } = system.endpoints;
  const log = join(system.home, 'logs', `extra-processor-${port}.log`);
  const env = childEnvironment({
    TOLLGATE_HOME: system.home,
    TOLLGATE_PROVIDERS: localProviders(),
    TOLLGATE_KAFKA_BROKERS: kafka,
    TOLLGATE_DATABASE_URL: postgres,
    TOLLGATE_SIMULATOR_URL: simulator,
    TOLLGATE_PARTITIONS: `${system.partitions}`,
    TOLLGATE_PROCESSOR_ADMIN_PORT: `${port}`,
    ...settings,
  });
  const args = [packageFile('ops/cli/tollgate.mjs'), 'processor'];
  const child = startChild(process.execPath, args, log, { env });
  return { ...child, output: () => readFileSync(log, 'utf8').slice(-LAST_CHARACTERS) };
}
