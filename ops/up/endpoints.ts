/** `endpoints.json`: where everything listens and which process it is, for tools and tests. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export const COMPONENT_NAMES = ['engine', 'processor', 'simulator', 'kafka', 'postgres'] as const;
export type ComponentName = (typeof COMPONENT_NAMES)[number];

export interface Endpoints {
  readonly api: string;
  readonly admin: string;
  readonly processorAdmin: string;
  readonly simulator: string;
  readonly postgres: string;
  /** host:port */
  readonly kafka: string;
  readonly dataDir: string;
  readonly pids: Partial<Record<ComponentName, number>>;
  /** The simulator's. */
  readonly webhookSecret: string;
}

/** Readers see the old file or the new one, never half of it. */
export function writeEndpoints(path: string, endpoints: Endpoints): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.next`, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.next`, path);
}

export function removeEndpoints(path: string): void {
  rmSync(path, { force: true });
}
